//! Tests of `proxy_protocol` and `real_ip_*`.

use super::{TWO_HOSTS, config, host, model, problems, report_of};
use crate::model::ProxyProtocolMode;
use crate::model::client_address::{ClientAddressPolicy, RealIpPolicy, RealIpSelection, RealIpSource};
use crate::model::setting_report::SettingVerdict;

fn real_ip(lines: &str) -> RealIpPolicy {
    let model = model(&format!("external_url 'http://gitlab.example.com'\n{lines}"));
    match &host(&model, "0.0.0.0:80", "gitlab.example.com").client_address {
        ClientAddressPolicy::RealIp(policy) => policy.clone(),
        ClientAddressPolicy::Peer => panic!("no address is trusted"),
    }
}

fn header(name: &str) -> RealIpSource {
    RealIpSource::Header(name.parse().unwrap())
}

#[test]
fn source_is_the_named_header_or_the_proxy_protocol_or_x_real_ip() {
    let trusted = "nginx['real_ip_trusted_addresses'] = ['10.0.0.0/8']\n";
    assert_eq!(real_ip(trusted).source, header("X-Real-IP"));
    let proxied = format!("{trusted}nginx['proxy_protocol'] = true\n");
    assert_eq!(real_ip(&proxied).source, RealIpSource::ProxyProtocol);
    let named = format!("{proxied}nginx['real_ip_header'] = 'X-Forwarded-For'\n");
    assert_eq!(real_ip(&named).source, header("X-Forwarded-For"));
    let off = format!("{trusted}nginx['real_ip_header'] = false\nnginx['real_ip_recursive'] = false\n");
    assert_eq!((real_ip(&off).source, real_ip(&off).choice), (header("X-Real-IP"), RealIpSelection::Last));
    let recursive = format!("{trusted}nginx['real_ip_recursive'] = 'on'\n");
    assert_eq!(real_ip(&recursive).choice, RealIpSelection::LastUntrusted);
}

#[test]
fn real_ip_header_without_trusted_addresses_has_no_effect() {
    let config = config(&format!("{TWO_HOSTS}nginx['real_ip_header'] = 'X-Forwarded-For'\n"));
    let report = report_of(&config, "nginx.real_ip_header");
    assert_eq!(report.verdict, SettingVerdict::NoEffect);
    assert!(report.reason.contains("no peer is trusted"), "{}", report.reason);
}

#[test]
fn proxy_protocol_of_one_host_applies_to_its_whole_listener() {
    let text = "external_url 'https://gitlab.example.com'
        mattermost_external_url 'https://chat.example.com'
        mattermost_nginx['proxy_protocol'] = true
        nginx['redirect_http_to_https'] = true\n";
    let model = model(text);
    let proxied = model.listeners.iter().filter(|it| it.proxy_protocol == ProxyProtocolMode::ProxyProtocol);
    assert_eq!(proxied.map(|it| it.address.to_string()).collect::<Vec<_>>(), ["0.0.0.0:443"]);
    let problems = problems(text);
    assert!(problems.contains("gitlab.rb:1:14"), "{problems}");
    assert!(problems.contains("require a PROXY header"), "{problems}");
}

#[test]
fn x_real_ip_with_the_client_address_variable_is_applied() {
    let set = |lines: &str, variable: &str| {
        let header = format!("nginx['proxy_set_headers'] = {{ 'X-Real-IP' => '{variable}' }}\n");
        let config = config(&format!("{TWO_HOSTS}{lines}\n{header}"));
        report_of(&config, "nginx.proxy_set_headers").verdict
    };
    assert_eq!(set("", "$remote_addr"), SettingVerdict::Applied);
    assert_eq!(set("nginx['proxy_protocol'] = true", "$proxy_protocol_addr"), SettingVerdict::Applied);
}

#[test]
fn each_trusted_address_is_checked() {
    let list = "['10.0.0.1', 'balancer.internal', 'unix:', '10.0.0.0/33', '0.0.0.0/0']";
    let problems = problems(&format!("{TWO_HOSTS}nginx['real_ip_trusted_addresses'] = {list}\n"));
    for message in [
        "`balancer.internal` is a host name",
        "clients connect only over TCP",
        "`10.0.0.0/33` is not an IP address",
        "`0.0.0.0/0` trusts every client",
    ] {
        assert!(problems.contains(message), "{message} is missing:\n{problems}");
    }
}

#[test]
fn real_ip_recursive_other_than_on_or_off_is_an_error() {
    let lines = "nginx['real_ip_trusted_addresses'] = ['10.0.0.1']\nnginx['real_ip_recursive'] = 'true'\n";
    let problems = problems(&format!("{TWO_HOSTS}{lines}"));
    assert!(
        problems.contains("invalid value `true` for `real_ip_recursive`") && problems.contains("'on' or 'off'"),
        "{problems}"
    );
}

/// Returns the rules of a host with these lines, or its errors.
fn real_ip_of(lines: &str, name: &str) -> Result<RealIpPolicy, String> {
    let config = config(&format!("{TWO_HOSTS}{lines}"));
    let Some(model) = &config.model else { return Err(config.problems.to_string()) };
    assert_eq!(config.refused_access_settings().count(), 0, "{lines}");
    match &host(model, "0.0.0.0:443", name).client_address {
        ClientAddressPolicy::RealIp(policy) => Ok(policy.clone()),
        ClientAddressPolicy::Peer => panic!("no address is trusted\n{lines}\n{}", config.problems),
    }
}

const GITLAB: &str = "gitlab.example.com";
const CHAT: &str = "chat.example.com";

#[test]
fn nginx_text_sets_trusted_peers_header_and_recursion() {
    let all = "set_real_ip_from 10.0.0.0/8; set_real_ip_from 2001:db8::/32; real_ip_header X-Forwarded-For; \
               real_ip_recursive on; allow 10.1.0.0/16; deny all;";
    for (key, name) in [
        ("nginx['custom_gitlab_server_config']", GITLAB),
        ("gitlab_rails['nginx']['custom_gitlab_server_config']", GITLAB),
        ("mattermost_nginx['custom_gitlab_mattermost_server_config']", CHAT),
        ("nginx['custom_nginx_config']", GITLAB),
        ("nginx['custom_nginx_config']", CHAT),
    ] {
        let policy = real_ip_of(&format!("{key} = '{all}'\n"), name).unwrap();
        assert_eq!(policy.trusted, ["10.0.0.0/8", "2001:db8::/32"].map(|it| it.parse().unwrap()), "{key}");
        assert_eq!((policy.source, policy.choice), (header("X-Forwarded-For"), RealIpSelection::LastUntrusted));
        let alone = real_ip_of(&format!("{key} = 'set_real_ip_from 10.0.0.1;'\n"), name).unwrap();
        assert_eq!((alone.source, alone.choice), (header("X-Real-IP"), RealIpSelection::Last), "{key}");
    }
    let other = config(&format!("{TWO_HOSTS}nginx['custom_gitlab_server_config'] = '{all}'\n"));
    let chat = &host(other.model.as_ref().unwrap(), "0.0.0.0:443", CHAT).client_address;
    assert_eq!(*chat, ClientAddressPolicy::Peer);
}

#[test]
fn networks_of_settings_and_server_text_add_up() {
    let text = |key: &str, text: &str| format!("{key} = '{text}'\n");
    for (hash, key, name) in [
        ("nginx", "custom_gitlab_server_config", GITLAB),
        ("mattermost_nginx", "custom_gitlab_mattermost_server_config", CHAT),
    ] {
        let set = |setting: &str, value: &str| format!("{hash}['{setting}'] = {value}\n");
        let trusted = set("real_ip_trusted_addresses", "['10.0.0.1']");
        let custom = |directives: &str| text(&format!("{hash}['{key}']"), directives);
        let lines = format!("{trusted}{}", custom("set_real_ip_from 10.0.0.2; real_ip_header CF-Connecting-IP;"));
        let policy = real_ip_of(&lines, name).unwrap();
        assert_eq!(policy.trusted, ["10.0.0.1", "10.0.0.2"].map(|it| it.parse().unwrap()));
        assert_eq!(policy.source, header("CF-Connecting-IP"));
        // The settings of the package apply to the peers of the text.
        let of_settings =
            format!("{}{}", set("real_ip_header", "'X-Forwarded-For'"), set("real_ip_recursive", "'on'"));
        let policy = real_ip_of(&format!("{of_settings}{}", custom("set_real_ip_from 10.0.0.2;")), name).unwrap();
        assert_eq!((policy.source, policy.choice), (header("X-Forwarded-For"), RealIpSelection::LastUntrusted));
        let proxied = set("proxy_protocol", "true") + &custom("set_real_ip_from 10.0.0.2;");
        assert_eq!(real_ip_of(&proxied, name).unwrap().source, RealIpSource::ProxyProtocol);
    }
    let named =
        "nginx['custom_gitlab_server_config'] = 'set_real_ip_from 10.0.0.1; real_ip_header proxy_protocol;'\n";
    assert_eq!(real_ip_of(named, GITLAB).unwrap().source, RealIpSource::ProxyProtocol);
}

#[test]
fn a_host_inherits_from_the_http_block_what_it_does_not_set() {
    let http =
        "nginx['custom_nginx_config'] = 'set_real_ip_from 10.0.0.1; real_ip_header X-A; real_ip_recursive on;'\n";
    let of_host = "nginx['custom_gitlab_server_config'] = 'set_real_ip_from 10.0.0.2;'\n\
                   mattermost_nginx['real_ip_header'] = 'X-B'\nmattermost_nginx['real_ip_recursive'] = 'off'\n";
    let lines = format!("{http}{of_host}");
    let gitlab = real_ip_of(&lines, GITLAB).unwrap();
    assert_eq!(gitlab.trusted, ["10.0.0.2".parse().unwrap()]);
    assert_eq!((gitlab.source, gitlab.choice), (header("X-A"), RealIpSelection::LastUntrusted));
    let chat = real_ip_of(&lines, CHAT).unwrap();
    assert_eq!(chat.trusted, ["10.0.0.1".parse().unwrap()]);
    assert_eq!((chat.source, chat.choice), (header("X-B"), RealIpSelection::Last));
    let proxied = format!("{http}nginx['proxy_protocol'] = true\n");
    assert_eq!(real_ip_of(&proxied, GITLAB).unwrap().source, RealIpSource::ProxyProtocol);
}

#[test]
fn a_second_header_is_an_error_as_in_nginx() {
    let from = "set_real_ip_from 10.0.0.1;";
    for (lines, message) in [
        (format!("{from} real_ip_header X-A; real_ip_header X-B;"), "duplicate `real_ip_header`"),
        (format!("{from} real_ip_header X-A; real_ip_header X-A;"), "duplicate `real_ip_header`"),
        (format!("{from} real_ip_recursive on; real_ip_recursive off;"), "duplicate `real_ip_recursive`"),
        (format!("{from} real_ip_header;"), "`real_ip_header` requires one argument"),
        (format!("{from} real_ip_header X-A X-B;"), "`real_ip_header` requires one argument"),
        (format!("{from} real_ip_recursive yes;"), "invalid value `yes`"),
        ("set_real_ip_from;".to_owned(), "`set_real_ip_from` requires one argument"),
        ("set_real_ip_from balancer.internal;".to_owned(), "`balancer.internal` is a host name"),
        ("set_real_ip_from 10.0.0.0/33;".to_owned(), "`10.0.0.0/33` is not an IP address"),
        (format!("{from} real_ip_header \"X A\";"), "`X A` is not a header name"),
    ] {
        for key in ["custom_gitlab_server_config", "custom_nginx_config"] {
            let errors = real_ip_of(&format!("nginx['{key}'] = '{lines}'\n"), GITLAB).unwrap_err();
            assert!(errors.contains(message) && errors.contains("gitlab.rb:3:"), "{lines}\n{errors}");
        }
    }
    for setting in ["nginx['real_ip_header'] = 'X-A'", "nginx['proxy_protocol'] = true"] {
        let lines = format!("{setting}\nnginx['custom_gitlab_server_config'] = '{from} real_ip_header X-A;'\n");
        let errors = real_ip_of(&lines, GITLAB).unwrap_err();
        assert!(errors.contains("duplicate `real_ip_header`"), "{errors}");
        assert!(errors.contains("at /etc/gitlab/gitlab.rb:3:"), "{errors}");
    }
    let twice = format!(
        "nginx['real_ip_recursive'] = 'on'\nnginx['custom_gitlab_server_config'] = '{from} real_ip_recursive on;'\n"
    );
    assert!(real_ip_of(&twice, GITLAB).unwrap_err().contains("duplicate `real_ip_recursive`"));
}

#[test]
fn a_unix_peer_in_nginx_text_is_a_warning() {
    let lines = "nginx['custom_gitlab_server_config'] = 'set_real_ip_from unix:; set_real_ip_from 10.0.0.1;'\n";
    assert_eq!(real_ip_of(lines, GITLAB).unwrap().trusted, ["10.0.0.1".parse().unwrap()]);
    let problems = problems(&format!("{TWO_HOSTS}{lines}"));
    assert!(problems.contains("warning: `unix:` in `set_real_ip_from` has no effect"), "{problems}");
}

#[test]
fn real_ip_in_a_location_is_an_error() {
    for directive in ["set_real_ip_from 10.0.0.1;", "real_ip_header X-A;", "real_ip_recursive on;"] {
        let text = format!(
            "location ^~ /x/ {{ {directive} allow 10.0.0.0/8; deny all; proxy_pass http://gitlab-workhorse; }}"
        );
        let config = config(&format!("{TWO_HOSTS}nginx['custom_gitlab_server_config'] = '{text}'\n"));
        assert_eq!(config.refused_access_settings().count(), 1, "{directive}");
    }
}

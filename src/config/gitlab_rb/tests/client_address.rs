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

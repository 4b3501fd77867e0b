//! PROXY protocol and `real_ip_*`.

use super::{BOTH, host, judgement, model, problems, reading};
use crate::model::ProxyProtocolMode;
use crate::model::client_address::{ClientAddressPolicy, RealIpPolicy, RealIpSelection, RealIpSource};
use crate::model::setting_report::SettingVerdict;

fn told(lines: &str) -> RealIpPolicy {
    let model = model(&format!("external_url 'http://gitlab.example.com'\n{lines}"));
    match &host(&model, "0.0.0.0:80", "gitlab.example.com").client_address {
        ClientAddressPolicy::RealIp(told) => told.clone(),
        ClientAddressPolicy::Peer => panic!("nobody is trusted"),
    }
}

fn header(name: &str) -> RealIpSource {
    RealIpSource::Header(name.parse().unwrap())
}

#[test]
fn the_header_is_nginx_default_or_the_proxy_protocol_or_the_one_that_is_named() {
    let trusted = "nginx['real_ip_trusted_addresses'] = ['10.0.0.0/8']\n";
    assert_eq!(told(trusted).source, header("X-Real-IP"));
    let proxied = format!("{trusted}nginx['proxy_protocol'] = true\n");
    assert_eq!(told(&proxied).source, RealIpSource::ProxyProtocol);
    let named = format!("{proxied}nginx['real_ip_header'] = 'X-Forwarded-For'\n");
    assert_eq!(told(&named).source, header("X-Forwarded-For"));
    let off = format!("{trusted}nginx['real_ip_header'] = false\nnginx['real_ip_recursive'] = false\n");
    assert_eq!((told(&off).source, told(&off).choice), (header("X-Real-IP"), RealIpSelection::Last));
    let recursive = format!("{trusted}nginx['real_ip_recursive'] = 'on'\n");
    assert_eq!(told(&recursive).choice, RealIpSelection::LastUntrusted);
}

#[test]
fn a_header_that_nobody_may_send_has_no_effect() {
    let reading = reading(&format!("{BOTH}nginx['real_ip_header'] = 'X-Forwarded-For'\n"));
    let judged = judgement(&reading, "nginx.real_ip_header");
    assert_eq!(judged.verdict, SettingVerdict::NoEffect);
    assert!(judged.reason.contains("names nobody"), "{}", judged.reason);
}

#[test]
fn one_host_of_a_socket_asks_for_proxy_headers_of_all_and_only_there() {
    let text = "external_url 'https://gitlab.example.com'
        mattermost_external_url 'https://chat.example.com'
        mattermost_nginx['proxy_protocol'] = true
        nginx['redirect_http_to_https'] = true\n";
    let model = model(text);
    let proxied = model.listeners.iter().filter(|it| it.preamble == ProxyProtocolMode::ProxyProtocol);
    assert_eq!(proxied.map(|it| it.address.to_string()).collect::<Vec<_>>(), ["0.0.0.0:443"]);
    let problems = problems(text);
    assert!(problems.contains("gitlab.rb:1:14"), "{problems}");
    assert!(problems.contains("require a PROXY header"), "{problems}");
}

#[test]
fn asking_for_the_address_that_is_told_anyway_changes_nothing() {
    let set = |lines: &str, variable: &str| {
        let header = format!("nginx['proxy_set_headers'] = {{ 'X-Real-IP' => '{variable}' }}\n");
        let reading = reading(&format!("{BOTH}{lines}\n{header}"));
        judgement(&reading, "nginx.proxy_set_headers").verdict
    };
    assert_eq!(set("", "$remote_addr"), SettingVerdict::Applied);
    assert_eq!(set("nginx['proxy_protocol'] = true", "$proxy_protocol_addr"), SettingVerdict::Applied);
}

#[test]
fn trusted_addresses_are_checked_one_by_one() {
    let list = "['10.0.0.1', 'balancer.internal', 'unix:', '10.0.0.0/33', '0.0.0.0/0']";
    let problems = problems(&format!("{BOTH}nginx['real_ip_trusted_addresses'] = {list}\n"));
    for said in [
        "`balancer.internal` is a host name",
        "no client connects over a unix socket",
        "`10.0.0.0/33` is not an IP address",
        "`0.0.0.0/0` trusts every client",
    ] {
        assert!(problems.contains(said), "{said} is missing:\n{problems}");
    }
}

#[test]
fn nginx_takes_on_or_off_only() {
    let lines = "nginx['real_ip_trusted_addresses'] = ['10.0.0.1']\nnginx['real_ip_recursive'] = 'true'\n";
    let problems = problems(&format!("{BOTH}{lines}"));
    assert!(
        problems.contains("nginx does not know `true` here") && problems.contains("'on' or 'off'"),
        "{problems}"
    );
}

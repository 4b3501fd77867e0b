//! Compiled models: hosts, routes and headers that a configuration produces.

use std::path::Path;

use super::from_toml;
use crate::model::route::{RedirectOrigin, RouteAction};
use crate::model::{Model, VirtualHost};

fn compile(text: &str) -> Model {
    from_toml(Path::new("/etc/gatepost/test.toml"), text).map_err(|problems| problems.to_string()).unwrap().model
}

/// Returns the host that serves a name on an address.
fn host<'a>(model: &'a Model, address: &str, name: &str) -> Option<&'a VirtualHost> {
    let listener = model.listeners.iter().find(|it| it.address.to_string() == address).unwrap();
    listener.hosts.find(name).or(listener.hosts.default.as_ref()).map(|id| model.host(*id))
}

fn action<'a>(model: &'a Model, address: &str, name: &str, path: &str) -> &'a RouteAction {
    &host(model, address, name).unwrap().routes.select(path).unwrap().action
}

fn response_headers(host: &VirtualHost, path: &str) -> Vec<String> {
    let route = host.routes.select(path).unwrap();
    route.response_headers.iter().map(|op| op.name().as_str().to_owned()).collect()
}

fn origin<'a>(model: &'a Model, address: &str, name: &str) -> &'a RedirectOrigin {
    match action(model, address, name, "/x") {
        RouteAction::Redirect(redirect) => &redirect.origin,
        other => panic!("{name} on {address} does not redirect: {other:?}"),
    }
}

#[test]
fn exact_names_redirect_to_themselves_and_wildcards_to_the_requested_host() {
    let model = compile(
        "[[host]]
         name = 'gitlab.example.com'
         aliases = ['git.example.com', '*.example.com']
         upstream = '127.0.0.1:1'",
    );
    let fixed = |text: &str| RedirectOrigin::Fixed(text.to_owned());
    assert_eq!(*origin(&model, "[::]:80", "gitlab.example.com"), fixed("https://gitlab.example.com"));
    assert_eq!(*origin(&model, "0.0.0.0:80", "git.example.com"), fixed("https://git.example.com"));
    assert_eq!(*origin(&model, "0.0.0.0:80", "other.example.com"), RedirectOrigin::SameHost { port: None });
}

#[test]
fn redirects_contain_the_public_port_unless_it_is_443() {
    let redirect = |keys: &str| {
        let model = compile(&format!("[[host]]\nname = 'a.example.com'\nupstream = '127.0.0.1:1'\n{keys}"));
        origin(&model, "0.0.0.0:80", "a.example.com").to_string()
    };
    assert_eq!(redirect("listen = ['127.0.0.1:8443', '127.0.0.1:443']"), "https://a.example.com:8443");
    assert_eq!(redirect("listen = ['127.0.0.1:8443']\npublic_port = 443"), "https://a.example.com");
    assert_eq!(redirect("public_port = 9443"), "https://a.example.com:9443");
}

#[test]
fn unknown_names_select_the_default_host_on_its_addresses() {
    let model = compile(
        "default_host = 'git.example.com'
         [[host]]
         name = 'gitlab.example.com'
         aliases = ['git.example.com']
         upstream = '127.0.0.1:1'
         [[host]]
         name = 'registry.example.com'
         upstream = '127.0.0.1:2'
         listen = ['0.0.0.0:5050']
         redirect_from = []",
    );
    assert_eq!(host(&model, "0.0.0.0:443", "10.0.0.1"), host(&model, "0.0.0.0:443", "gitlab.example.com"));
    assert_eq!(origin(&model, "0.0.0.0:80", "10.0.0.1").to_string(), "https://git.example.com");
    assert_eq!(host(&model, "0.0.0.0:5050", "10.0.0.1"), None);
}

#[test]
fn the_first_default_host_on_an_address_serves_unknown_names() {
    let model = compile(
        "default_host = ['b.example.com', 'a.example.com']
         [[host]]
         name = 'a.example.com'
         upstream = '127.0.0.1:1'
         listen = ['0.0.0.0:443', '0.0.0.0:444']
         [[host]]
         name = 'b.example.com'
         upstream = '127.0.0.1:2'
         listen = ['0.0.0.0:443']",
    );
    assert_eq!(host(&model, "0.0.0.0:443", "10.0.0.1"), host(&model, "0.0.0.0:443", "b.example.com"));
    assert_eq!(host(&model, "0.0.0.0:444", "10.0.0.1"), host(&model, "0.0.0.0:444", "a.example.com"));
    let toml = from_toml(Path::new("x.toml"), "default_host = [1]").unwrap_err().to_string();
    assert!(toml.contains("expected a string"), "{toml}");
}

#[test]
fn plain_hosts_send_no_hsts_and_redirects_no_policy_headers() {
    let model = compile(
        "[[host]]
         name = 'gitlab.example.com'
         upstream = '127.0.0.1:1'
         response_headers = { 'X-Own' = 'a' }
         route = [{ exact = '/-/health', before_redirect = true }]
         [[host]]
         name = 'plain.example.com'
         upstream = '127.0.0.1:2'
         tls = false",
    );
    let headers = |address, name, path| response_headers(host(&model, address, name).unwrap(), path);
    let all = ["referrer-policy", "strict-transport-security", "x-own"];
    assert_eq!(headers("0.0.0.0:443", "gitlab.example.com", "/"), all);
    assert_eq!(headers("0.0.0.0:443", "gitlab.example.com", "/-/health"), all);
    assert_eq!(headers("0.0.0.0:80", "gitlab.example.com", "/-/health"), ["x-own"]);
    assert!(headers("0.0.0.0:80", "gitlab.example.com", "/").is_empty());
    assert_eq!(headers("0.0.0.0:80", "plain.example.com", "/"), ["referrer-policy"]);
}

#[test]
fn routes_before_the_redirect_apply_on_both_hosts() {
    let model = compile(
        "[[host]]
         name = 'gitlab.example.com'
         upstream = '127.0.0.1:1'
         route = [{ exact = '/-/health', before_redirect = true }, { exact = '/other' }]",
    );
    let on = |address, path| action(&model, address, "gitlab.example.com", path);
    assert_eq!(on("0.0.0.0:80", "/-/health"), on("0.0.0.0:443", "/-/health"));
    assert!(matches!(on("0.0.0.0:80", "/other"), RouteAction::Redirect(_)));
}

#[test]
fn a_route_overrides_its_host_and_the_host_overrides_the_defaults() {
    let model = compile(
        "[defaults]
         upstream_read_timeout = '1s'
         client_timeout = '1s'
         tunnel_idle_timeout = '1s'
         [[host]]
         name = 'gitlab.example.com'
         upstream = '127.0.0.1:1'
         upstream_read_timeout = '2s'
         client_timeout = '2s'
         route = [{ prefix = '/api', upstream_read_timeout = '3s' }]",
    );
    let seconds = |path| match action(&model, "0.0.0.0:443", "gitlab.example.com", path) {
        RouteAction::Forward(it) => {
            [it.read_timeout, it.client_timeout, it.tunnel_idle_timeout].map(|it| it.as_secs())
        }
        other => panic!("{path} is not forwarded: {other:?}"),
    };
    assert_eq!(seconds("/api"), [3, 2, 1]);
    assert_eq!(seconds("/"), [2, 2, 1]);
}

#[test]
fn the_source_order_of_routes_does_not_change_the_model() {
    let model = |routes: &str| {
        compile(&format!("[[host]]\nname = 'a.example.com'\nupstream = '127.0.0.1:1'\nroute = [{routes}]"))
    };
    let api = "{ prefix = '/api', upstream = '127.0.0.1:2' }";
    let health = "{ exact = '/-/health', upstream = '127.0.0.1:3' }";
    assert_eq!(model(&format!("{api}, {health}")), model(&format!("{health}, {api}")));
}

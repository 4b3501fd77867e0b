//! The package's rules for `proxy_set_headers`, checked in the model.

use std::path::Path;

use crate::config::gitlab_rb::environment::SystemEnvironment;
use crate::config::gitlab_rb::{GitlabRbConfig, read};
use crate::model::headers::ops::HeaderOp;
use crate::model::route::RouteAction;

fn reading(hash: &str, headers: &str) -> GitlabRbConfig {
    let text = format!(
        "external_url 'http://gitlab.example.com'\n\
         mattermost_external_url 'http://mattermost.example.com'\n\
         {hash}['proxy_set_headers'] = {{ {headers} }}\n"
    );
    read(Path::new("/etc/gitlab/gitlab.rb"), &text, &SystemEnvironment)
}

/// Describes the operation of a host on the header `name`.
fn op(hash: &str, headers: &str, name: &str) -> String {
    let reading = reading(hash, headers);
    let Some(model) = &reading.model else { panic!("{}", reading.problems) };
    let host = usize::from(hash == "mattermost_nginx");
    let route = model.hosts()[host].routes.select("/").unwrap();
    let RouteAction::Forward(forward) = &route.action else { panic!("{route:?}") };
    let mut found = forward.request_headers.iter().filter(|op| op.name().as_str() == name);
    let op = found.next();
    assert!(found.next().is_none(), "two operations for {name}");
    match op {
        None => "untouched".to_owned(),
        Some(HeaderOp::Set(_, value)) => format!("is {}", value.to_str().unwrap()),
        Some(HeaderOp::SetIfAbsent(_, value)) => format!("is at least {}", value.to_str().unwrap()),
        Some(HeaderOp::SetTo(_, template)) => format!("renders {template}"),
        Some(HeaderOp::Add(_, value)) => format!("has also {}", value.to_str().unwrap()),
        Some(HeaderOp::Remove(_)) => "removed".to_owned(),
    }
}

fn gitlab(headers: &str, name: &str) -> String {
    op("nginx", headers, name)
}

fn mattermost(headers: &str, name: &str) -> String {
    op("mattermost_nginx", headers, name)
}

fn problems(hash: &str, headers: &str) -> String {
    reading(hash, headers).problems.to_string()
}

#[test]
fn a_value_replaces_a_package_header_or_adds_one() {
    assert_eq!(gitlab("'X-Forwarded-Proto' => 'https'", "x-forwarded-proto"), "is https");
    assert_eq!(gitlab("'CUSTOM_HEADER' => 'VALUE'", "custom_header"), "is VALUE");
    assert_eq!(gitlab("'X-A' => '$host:${server_port}x'", "x-a"), "renders $host:${server_port}x");
    assert_eq!(
        gitlab("'X-Forwarded-For' => '$proxy_add_x_forwarded_for'", "x-forwarded-for"),
        "renders $proxy_add_x_forwarded_for"
    );
}

#[test]
fn nil_removes_only_a_package_header() {
    assert_eq!(mattermost("'X-Frame-Options' => nil", "x-frame-options"), "removed");
    assert_eq!(gitlab("'X-Forwarded-Proto' => nil", "x-forwarded-proto"), "removed");
    assert_eq!(gitlab("'X-A' => nil", "x-a"), "untouched");
    assert!(problems("nginx", "'X-A' => nil").contains("removing `X-A` has no effect"));
}

#[test]
fn an_empty_string_is_nil_for_gitlab_and_removes_the_header_elsewhere() {
    assert_eq!(gitlab("'X-A' => ''", "x-a"), "untouched");
    assert_eq!(mattermost("'X-A' => ''", "x-a"), "removed");
    for headers in ["'X-A' => '\"\"'", "'X-A' => \"''\""] {
        assert_eq!(gitlab(headers, "x-a"), "removed");
        assert_eq!(mattermost(headers, "x-a"), "removed");
    }
}

#[test]
fn a_removed_host_header_becomes_the_name_of_the_nginx_upstream() {
    assert_eq!(gitlab("'Host' => nil", "host"), "is gitlab-workhorse");
    assert_eq!(mattermost("'Host' => nil", "host"), "is gitlab_mattermost");
    assert_eq!(gitlab("'Host' => '$http_host'", "host"), "untouched");
    assert_eq!(gitlab("'Host' => '$host'", "host"), "renders $host");
    assert!(problems("nginx", "'Host' => '\"\"'").contains("header `Host` cannot be removed"));
}

#[test]
fn connection_and_upgrade_cannot_be_set() {
    for headers in ["'Connection' => nil", "'Connection' => 'close'", "'Upgrade' => nil"] {
        assert!(problems("nginx", headers).contains("the proxy sets this header itself"), "{headers}");
    }
    for headers in ["'Connection' => '$connection_upgrade'", "'Upgrade' => '$http_upgrade'"] {
        assert_eq!(problems("nginx", headers), "");
    }
}

#[test]
fn blanks_without_nginx_quotes_are_a_warning() {
    assert_eq!(gitlab("'X-A' => '\"two words\"'", "x-a"), "is two words");
    assert_eq!(gitlab("'X-A' => 'two words'", "x-a"), "is two words");
    assert_eq!(problems("nginx", "'X-A' => '\"two words\"'"), "");
    assert!(
        problems("nginx", "'X-A' => 'two words'")
            .contains("`two words` contains blanks, which nginx accepts only in quotes")
    );
}

#[test]
fn a_number_is_a_string_except_for_gitlab() {
    assert_eq!(mattermost("'X-Forwarded-Port' => 443", "x-forwarded-port"), "is 443");
    let output = problems("nginx", "'X-Forwarded-Port' => 443");
    assert!(output.contains("error: a header value must be a string, not a number"), "{output}");
    assert!(output.contains("gitlab.rb:3:"), "{output}");
}

#[test]
fn a_name_in_another_case_is_the_same_header() {
    assert_eq!(gitlab("'x-forwarded-proto' => 'https'", "x-forwarded-proto"), "is https");
    let output = problems("nginx", "'x-forwarded-proto' => 'https'");
    assert!(output.contains("both `X-Forwarded-Proto` and `x-forwarded-proto`"), "{output}");
}

#[test]
fn a_value_that_nginx_rejects_is_an_error() {
    for (headers, message) in [
        ("'X-A' => '$remote_adr'", "unknown variable `$remote_adr`"),
        ("'X-A' => '$status'", "variable `$status` is not available"),
        ("'X-A' => 'a; proxy_set_header X-B c'", "unquoted `;` in the header value"),
        ("'X-A' => '\"a'", "unbalanced quotes in the header value"),
        ("'X-A' => [1]", "a header value must be a string"),
    ] {
        let reading = reading("nginx", headers);
        assert!(reading.model.is_none(), "{headers}");
        assert!(reading.problems.to_string().contains(message), "{}", reading.problems);
    }
}

//! Writes each proxy's configuration from a template and builds its arguments.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;

use super::kind::ProxyKind;
use crate::environment::{Environment, HOST, UpstreamAddress};
use crate::relay;

/// Writes the configuration and returns the arguments of the program.
///
/// # Errors
/// The configuration cannot be written.
pub(super) fn arguments(kind: ProxyKind, environment: &Environment) -> Result<Vec<OsString>> {
    Ok(match kind {
        ProxyKind::Gatepost => {
            let file = write(environment, "gatepost.toml", include_str!("gatepost.toml"))?;
            vec!["serve".into(), "--config".into(), file.into()]
        }
        ProxyKind::NginxBundled => {
            nginx(write(environment, "nginx.conf", include_str!("nginx-bundled.conf"))?, environment)
        }
        ProxyKind::NginxTuned => {
            nginx(write(environment, "nginx.conf", include_str!("nginx-tuned.conf"))?, environment)
        }
        ProxyKind::Haproxy => {
            let file = write(environment, "haproxy.cfg", include_str!("haproxy.cfg"))?;
            vec!["-db".into(), "-f".into(), file.into()]
        }
        ProxyKind::Caddy => {
            let file = write(environment, "Caddyfile", include_str!("Caddyfile"))?;
            vec!["run".into(), "--adapter".into(), "caddyfile".into(), "--config".into(), file.into()]
        }
        ProxyKind::Relay => relay::arguments(environment)?,
    })
}

/// Returns nginx's arguments. `-e` sets the error log until the configuration is parsed.
fn nginx(file: PathBuf, environment: &Environment) -> Vec<OsString> {
    vec!["-e".into(), environment.path("error.log").into(), "-c".into(), file.into()]
}

fn write(environment: &Environment, name: &str, template: &str) -> Result<PathBuf> {
    environment.write(name, &fill(template, environment))
}

/// Replaces each `@word@` of a template.
fn fill(template: &str, environment: &Environment) -> String {
    let mut text = template.to_owned();
    for (word, value) in values(environment) {
        text = text.replace(&format!("@{word}@"), &value);
    }
    text
}

fn values(environment: &Environment) -> [(&'static str, String); 18] {
    let Environment { https, http, upstream, certificate, workers, connections, .. } = environment;
    let path = |path: &std::path::Path| path.display().to_string();
    let with_prefix = |prefix: &str| match upstream {
        UpstreamAddress::Tcp(address) => address.to_string(),
        UpstreamAddress::Unix(path) => format!("{prefix}{}", path.display()),
    };
    [
        ("host", HOST.to_owned()),
        ("https", https.to_string()),
        ("http", http.to_string()),
        ("port", https.port().to_string()),
        ("http_port", http.port().to_string()),
        ("upstream", upstream.to_string()),
        ("upstream_for_haproxy", with_prefix("unix@")),
        ("upstream_for_caddy", with_prefix("unix/")),
        ("workers", workers.to_string()),
        ("worker_connections", nginx_connections(*connections).to_string()),
        ("maxconn", (connections + SPARE).to_string()),
        ("curves_for_nginx", environment.group.nginx_curves().to_owned()),
        ("curves_for_haproxy", environment.group.haproxy_directive().to_owned()),
        ("chain", path(&certificate.chain)),
        ("key", path(&certificate.key)),
        ("bundle", path(&certificate.bundle)),
        ("directory", path(environment.directory())),
        ("log", path(&environment.path("access.log"))),
    ]
}

/// Returns `worker_connections`: two per client plus 25 %, because nginx closes idle keep-alive connections when
/// less than a sixteenth of its connections are free. At least the package's value.
fn nginx_connections(clients: usize) -> usize {
    ((2 * clients + SPARE) * 5 / 4).max(10_240)
}

/// Connections in addition to the load: probes, and connections that close while their successors open.
const SPARE: usize = 200;

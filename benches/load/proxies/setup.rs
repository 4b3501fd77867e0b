//! Each proxy's configuration: a template beside this file, filled in for one site, and the
//! arguments that make the program use it.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;

use super::Kind;
use crate::relay;
use crate::site::{HOST, Site, Upstream};

/// What to start a program with.
///
/// # Errors
/// The configuration cannot be written.
pub(super) fn arguments(kind: Kind, site: &Site) -> Result<Vec<OsString>> {
    Ok(match kind {
        Kind::Gatepost => {
            let file = write(site, "gatepost.toml", include_str!("gatepost.toml"))?;
            vec!["serve".into(), "--config".into(), file.into()]
        }
        Kind::NginxBundled => nginx(write(site, "nginx.conf", include_str!("nginx-bundled.conf"))?, site),
        Kind::NginxTuned => nginx(write(site, "nginx.conf", include_str!("nginx-tuned.conf"))?, site),
        Kind::Haproxy => {
            let file = write(site, "haproxy.cfg", include_str!("haproxy.cfg"))?;
            vec!["-db".into(), "-f".into(), file.into()]
        }
        Kind::Caddy => {
            let file = write(site, "Caddyfile", include_str!("Caddyfile"))?;
            vec!["run".into(), "--adapter".into(), "caddyfile".into(), "--config".into(), file.into()]
        }
        Kind::Relay => relay::arguments(site)?,
    })
}

/// The log named here holds what nginx says before it has read its configuration.
fn nginx(file: PathBuf, site: &Site) -> Vec<OsString> {
    vec!["-e".into(), site.path("error.log").into(), "-c".into(), file.into()]
}

fn write(site: &Site, name: &str, template: &str) -> Result<PathBuf> {
    site.write(name, &fill(template, site))
}

/// Replaces each `@word@` of a template.
fn fill(template: &str, site: &Site) -> String {
    let mut text = template.to_owned();
    for (word, value) in values(site) {
        text = text.replace(&format!("@{word}@"), &value);
    }
    text
}

fn values(site: &Site) -> [(&'static str, String); 18] {
    let Site { https, http, upstream, certificate, workers, connections, .. } = site;
    let path = |path: &std::path::Path| path.display().to_string();
    let for_others = |prefix: &str| match upstream {
        Upstream::Tcp(address) => address.to_string(),
        Upstream::Unix(path) => format!("{prefix}{}", path.display()),
    };
    [
        ("host", HOST.to_owned()),
        ("https", https.to_string()),
        ("http", http.to_string()),
        ("port", https.port().to_string()),
        ("http_port", http.port().to_string()),
        ("upstream", upstream.to_string()),
        ("upstream_for_haproxy", for_others("unix@")),
        ("upstream_for_caddy", for_others("unix/")),
        ("workers", workers.to_string()),
        ("worker_connections", nginx_connections(*connections).to_string()),
        ("maxconn", (connections + SPARE).to_string()),
        ("curves_for_nginx", site.group.for_nginx().to_owned()),
        ("curves_for_haproxy", site.group.for_haproxy().to_owned()),
        ("chain", path(&certificate.chain)),
        ("key", path(&certificate.key)),
        ("bundle", path(&certificate.bundle)),
        ("directory", path(site.directory())),
        ("log", path(&site.path("access.log"))),
    ]
}

/// Two connections for each client, and a quarter more: nginx closes connections that wait for a
/// request when only a sixteenth of its connections are free. Never less than the package has.
fn nginx_connections(clients: usize) -> usize {
    ((2 * clients + SPARE) * 5 / 4).max(10_240)
}

/// Connections beside those of the load: probes, and what closes while its successor opens.
const SPARE: usize = 200;

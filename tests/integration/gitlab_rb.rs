//! A `gitlab.rb` on the command line: its sources, its mistakes, and what is said about them.

use tempfile::TempDir;

use crate::support::process::{CommandOutput, run};

/// Runs `command --gitlab-rb` on the first of some files in a directory of their own.
fn with_files(command: &[&str], files: &[(&str, &str)]) -> CommandOutput {
    let directory = TempDir::new().unwrap();
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let path = directory.path().join(files[0].0);
    run(&[command, &["--gitlab-rb", path.to_str().unwrap()]].concat())
}

#[test]
fn an_override_beside_the_file_stands_in_for_what_is_not_executed() {
    let file = ("gitlab.rb", "external_url 'http://gitlab.test'\nnginx['listen_port'] = `port`.to_i\n");
    let alone = with_files(&["explain"], &[file]);
    assert_eq!(alone.code, Some(1), "{alone:?}");
    assert!(alone.stderr.contains("gatepost-overrides.toml"), "{}", alone.stderr);
    let overrides = ("gatepost-overrides.toml", "nginx.listen_port = 8080\n[process]\nworkers = 3\n");
    let both = with_files(&["explain"], &[file, overrides]);
    assert_eq!(both.code, Some(0), "{both:?}");
    assert!(both.stdout.contains("0.0.0.0:8080") && both.stdout.contains("workers          3"), "{}", both.stdout);
}

#[test]
fn the_json_of_show_config_is_read_in_place_of_the_file() {
    let json = "{\n  \"gitlab\": { \"external_url\": \"http://gitlab.test\" },\n  \"nginx\": { \"listen_port\": 8080 }\n}\n";
    let explained = with_files(&["explain", "--format", "json"], &[("show-config.json", json)]);
    assert_eq!(explained.code, Some(0), "{explained:?}");
    let account: serde_json::Value = serde_json::from_str(&explained.stdout).unwrap();
    assert_eq!(account["hosts"][0]["listen"][0], "0.0.0.0:8080");
    assert_eq!(account["settings"][1]["key"], "nginx.listen_port");
    assert_eq!(account["settings"][1]["line"], 3);
}

#[test]
fn every_mistake_and_every_absent_certificate_is_told_at_once_with_its_line() {
    let text = "external_url 'https://gitlab.test'\n\
                mattermost_external_url 'https://chat.test/path'\n\
                registry_external_url 'https://gitlab.test'\n\
                nginx['ssl_certificate'] = '/nonexistent/own.crt'\n\
                nginx['listen_port'] = 'x'\n\
                mattermost_ngnix['enable'] = true\n\
                letsencrypt['enable'] = false\n";
    let finished = with_files(&["check"], &[("gitlab.rb", text)]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    for (line, column, said) in [
        (2, 25, "cannot have a path"),
        (4, 28, "there is no file /nonexistent/own.crt"),
        (5, 24, "takes a port"),
        (6, 1, "did you mean `mattermost_nginx`?"),
    ] {
        assert!(finished.stderr.contains(said), "{said} is missing:\n{}", finished.stderr);
        let place = format!("gitlab.rb:{line}:{column}\n");
        assert!(finished.stderr.contains(&place), "{place} is missing:\n{}", finished.stderr);
    }
}

#[test]
fn output_that_is_no_terminal_has_no_colours_and_fits_in_80_columns() {
    let text = "external_url 'https://gitlab.test'\nnginx['worker_processes'] = 4\nnginx['listen_prot'] = 1\n";
    let explained = with_files(&["explain"], &[("gitlab.rb", text)]);
    assert_eq!(explained.code, Some(0), "{explained:?}");
    assert!(!explained.stdout.contains('\u{1b}') && !explained.stderr.contains('\u{1b}'), "{explained:?}");
    // A path is never cut.
    let breakable = |line: &&str| !line.contains("gitlab.rb");
    let wide = explained.stdout.lines().filter(breakable).find(|line| line.chars().count() > 80);
    assert_eq!(wide, None);
}

//! `gitlab.rb` on the command line: its sources, errors and warnings.

use tempfile::TempDir;

use crate::support::process::{CommandOutput, run};

/// Writes the files to a temporary directory and runs `command --gitlab-rb` on the first one.
fn with_files(command: &[&str], files: &[(&str, &str)]) -> CommandOutput {
    let directory = TempDir::new().unwrap();
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let path = directory.path().join(files[0].0);
    run(&[command, &["--gitlab-rb", path.to_str().unwrap()]].concat())
}

#[test]
fn an_override_file_replaces_a_setting_that_cannot_be_evaluated() {
    let file = ("gitlab.rb", "external_url 'http://gitlab.test'\nnginx['listen_port'] = `port`.to_i\n");
    let without_override = with_files(&["explain"], &[file]);
    assert_eq!(without_override.code, Some(1), "{without_override:?}");
    assert!(without_override.stderr.contains("gatepost-overrides.toml"), "{}", without_override.stderr);
    let overrides = ("gatepost-overrides.toml", "nginx.listen_port = 8080\n[process]\nworkers = 3\n");
    let with_override = with_files(&["explain"], &[file, overrides]);
    assert_eq!(with_override.code, Some(0), "{with_override:?}");
    assert!(
        with_override.stdout.contains("0.0.0.0:8080") && with_override.stdout.contains("workers          3"),
        "{}",
        with_override.stdout
    );
}

#[test]
fn show_config_json_is_accepted_instead_of_gitlab_rb() {
    let json = "{\n  \"gitlab\": { \"external_url\": \"http://gitlab.test\" },\n  \"nginx\": { \"listen_port\": 8080 }\n}\n";
    let explained = with_files(&["explain", "--format", "json"], &[("show-config.json", json)]);
    assert_eq!(explained.code, Some(0), "{explained:?}");
    let report: serde_json::Value = serde_json::from_str(&explained.stdout).unwrap();
    assert_eq!(report["hosts"][0]["listen"][0], "0.0.0.0:8080");
    assert_eq!(report["settings"][1]["key"], "nginx.listen_port");
    assert_eq!(report["settings"][1]["line"], 3);
}

#[test]
fn all_errors_and_missing_certificates_are_reported_with_their_lines() {
    let text = "external_url 'https://gitlab.test'\n\
                mattermost_external_url 'https://chat.test/path'\n\
                registry_external_url 'https://gitlab.test'\n\
                nginx['ssl_certificate'] = '/nonexistent/own.crt'\n\
                nginx['listen_port'] = 'x'\n\
                mattermost_ngnix['enable'] = true\n\
                letsencrypt['enable'] = false\n";
    let output = with_files(&["check"], &[("gitlab.rb", text)]);
    assert_eq!(output.code, Some(1), "{output:?}");
    for (line, column, expected) in [
        (2, 25, "cannot have a path"),
        (4, 28, "file `/nonexistent/own.crt` does not exist"),
        (5, 24, "must be a port"),
        (6, 1, "did you mean `mattermost_nginx`?"),
    ] {
        assert!(output.stderr.contains(expected), "{expected} is missing:\n{}", output.stderr);
        let position = format!("gitlab.rb:{line}:{column}\n");
        assert!(output.stderr.contains(&position), "{position} is missing:\n{}", output.stderr);
    }
}

#[test]
fn output_to_a_pipe_has_no_color_and_fits_80_columns() {
    let text = "external_url 'https://gitlab.test'\nnginx['worker_processes'] = 4\nnginx['listen_prot'] = 1\n";
    let explained = with_files(&["explain"], &[("gitlab.rb", text)]);
    assert_eq!(explained.code, Some(0), "{explained:?}");
    assert!(!explained.stdout.contains('\u{1b}') && !explained.stderr.contains('\u{1b}'), "{explained:?}");
    // Lines with a path may be longer: paths are not wrapped.
    let breakable = |line: &&str| !line.contains("gitlab.rb");
    let wide = explained.stdout.lines().filter(breakable).find(|line| line.chars().count() > 80);
    assert_eq!(wide, None);
}

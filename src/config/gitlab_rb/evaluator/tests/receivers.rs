//! Tests of `send`, and of assignments to unknown receivers.

use super::{after, problems, setting};

/// Fails unless the text has an error in its last line.
#[track_caller]
fn assert_error_in_last_line(text: &str) {
    let line = text.lines().count();
    let report = problems(text);
    let is_error = report.split("error: ").skip(1).any(|error| error.contains(&format!("--> gitlab.rb:{line}:")));
    assert!(is_error, "{text}\n{report}");
}

#[test]
fn send_calls_the_named_method() {
    for text in [
        "send(:nginx)['x'] = 'deny all;'",
        "send('nginx')['x'] = 'deny all;'",
        "public_send(:nginx)['x'] = 'deny all;'",
        "__send__(:nginx)['x'] = 'deny all;'",
        "self.send(:nginx)['x'] = 'deny all;'",
        "Gitlab.send(:nginx)['x'] = 'deny all;'",
        "Gitlab.public_send('nginx')['x'] = 'deny all;'",
        "Gitlab.nginx['x'] = 'deny all;'",
        "Gitlab.nginx({ 'x' => 'deny all;' })",
        "send(:nginx, { 'x' => 'deny all;' })",
        "n = send(:nginx)\nn['x'] = 'deny all;'",
        "%w[nginx registry_nginx].each { |hash| send(hash)['x'] = 'deny all;' }",
        "send(\"#{'ng'}inx\")['x'] = 'deny all;'",
        "send(:nginx)['x'] ||= 'deny all;'\nsend(:nginx)['x'] = 'deny all;'",
        "send(:nginx).store('x', 'deny all;')",
        "send(:nginx).merge!('x' => 'deny all;')",
        "nginx.send(:[]=, 'x', 'deny all;')",
        "nginx.public_send(:store, 'x', 'deny all;')",
        "nginx.send('merge!', 'x' => 'deny all;')",
        "nginx.[]=('x', 'deny all;')",
        "nginx&.store('x', 'deny all;')",
        "nginx&.merge!('x' => 'deny all;')",
        "nginx&.[]=('x', 'deny all;')",
        "Gitlab&.nginx['x'] = 'deny all;'",
        "h = nginx\nh.send(:[]=, 'x', 'deny all;')",
        "send(:eval, \"nginx['x'] = 'deny all;'\")",
        "def set(hash)\n  send(hash)['x'] = 'deny all;'\nend\nset(:nginx)",
    ] {
        assert_eq!(after(text), "deny all;", "{text}");
    }
    for text in [
        "send(:external_url, 'https://a.test')",
        "Gitlab.external_url 'https://a.test'",
        "send(:external_url=, 'https://a.test')".replace("send", "Gitlab.send").as_str(),
        "self.external_url ||= 'https://a.test'",
        "self.external_url, x = 'https://a.test', 1",
    ] {
        assert_eq!(setting(text, &["external_url"]), "https://a.test", "{text}");
    }
    assert_eq!(after("x = { 'a' => 1 }\nnginx['x'] = x.send(:fetch, 'a') + 2.send(:+, 3)"), 6);
    assert!(after("Gitlab.nginx['x'] = `a`").as_str().is_some_and(|value| value.starts_with("unknown: ")));
    let unknown = setting("Gitlab.external_url(`a`)", &["external_url"]);
    assert!(unknown.as_str().is_some_and(|value| value.starts_with("unknown: ")), "{unknown}");
}

#[test]
fn a_value_that_is_set_conditionally_is_unknown() {
    for text in
        ["nginx.send(:[]=, 'x', 1)", "send(:nginx).store('x', 1)", "nginx&.store('x', 1)", "send(:nginx)['x'] = 1"]
    {
        assert!(super::is_unknown(&after(&format!("if `a`\n{text}\nend"))), "{text}");
    }
}

#[test]
fn send_of_an_unknown_name_is_an_error() {
    for text in [
        "send(`name`)['x'] = 'deny all;'",
        "public_send(`name`, 'https://a.test')",
        "send(*`name`)",
        "self.send(`name`)['x'] = 'deny all;'",
        "n = send(`name`)",
        "n = method(:nginx)",
        "self.instance_eval(`code`)",
        "Gitlab.instance_eval \"nginx['x'] = 1\"",
        "binding.eval \"nginx['x'] = 1\"",
    ] {
        assert_error_in_last_line(text);
    }
}

#[test]
fn an_assignment_to_an_unknown_receiver_is_an_error() {
    for text in [
        "unknown_name['x'] = 'deny all;'",
        "unknown_name[:x] ||= 'deny all;'",
        "unknown_name['x'] += 'deny all;'",
        "unknown_name['x'], y = 'deny all;', 1",
        "unknown_name['x']['y'] = 'deny all;'",
        "unknown_name.part['x'] = 'deny all;'",
        "unknown_name&.part['x'] = 'deny all;'",
        "unknown_name.part = 'deny all;'",
        "unknown_name.store('x', 'deny all;')",
        "unknown_name.merge!('x' => 'deny all;')",
        "unknown_name.send(:[]=, 'x', 'deny all;')",
        "send(:unknown_name)['x'] = 'deny all;'",
        "Gitlab.unknown_name['x'] = 'deny all;'",
        "self.unknown_name['x'] = 'deny all;'",
        "Chef::Config['x'] = 'deny all;'",
        "Unknown['x'] = 'deny all;'",
        "Unknown.nginx['x'] = 'deny all;'",
        "Object.send(:nginx)['x'] = 'deny all;'",
        "method(:puts).call['x'] = 'deny all;'",
        "node.override['gitlab']['nginx']['x'] = 'deny all;'",
        "(`a` ? nginx : registry_nginx)['x'] = 'deny all;'",
        "(nginx)['x'] = 1\nnginx.then { |it| it }.unknown_method['x'] = 'deny all;'",
        "nginx.unknown_method['x'] = 'deny all;'",
        "nginx.listen_port = 80",
        "nginx&.listen_port = 80",
        "nginx&.send(:[]=, 'x', 'deny all;')",
        "unknown_name&.store('x', 'deny all;')",
        "nginx['x'] = 1\nif `a`\n  unknown_name['x'] = 'deny all;'",
    ] {
        let closed = if text.contains("\nif ") { format!("{text} end") } else { text.to_owned() };
        assert_error_in_last_line(&closed);
    }
}

#[test]
fn an_assignment_to_a_variable_with_an_unknown_value_is_no_error() {
    for text in [
        "x = `a`\nx['y'] = 1\nnginx['x'] = 1",
        "@x = YAML.load(`a`)\n@x['y']['z'] = 1\nnginx['x'] = 1",
        "$x = Net::HTTP.new('a')\n$x.use_ssl = true\nnginx['x'] = 1",
        "X = `a`\nX['y'] = 1\nnginx['x'] = 1",
        "`a`.lines.each { |it| it['x'] = 1 }\nnginx['x'] = 1",
        "ENV['http_proxy'] = 'http://proxy.test'\nnginx['x'] = 1",
        "gitlab_rails['y'] = `a`\ngitlab_rails['y']['z'] = 1\nnginx['x'] = 1",
        "gitlab_rails['y'] = JSON.parse(`a`)\ngitlab_rails['y'].first['z'] = 1\nnginx['x'] = 1",
    ] {
        assert_eq!(after(text), 1, "{text}");
    }
}

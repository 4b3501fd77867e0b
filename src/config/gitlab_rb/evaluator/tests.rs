//! Tests of the evaluated Ruby subset, by feature.

mod idioms;
mod receivers;

use std::collections::HashMap;
use std::io;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::Evaluator;
use crate::config::diagnostic::Diagnostics;
use crate::config::gitlab_rb::assignments::AssignedSettings;
use crate::config::gitlab_rb::environment::Environment;
use crate::config::gitlab_rb::large_stack;
use crate::config::span::SourceFile;

/// An environment with one variable, three files and a host name.
struct TestEnvironment(HashMap<&'static str, &'static str>);

impl TestEnvironment {
    fn new() -> TestEnvironment {
        TestEnvironment(HashMap::from([
            ("/etc/host", "  git.example.com\n"),
            ("/etc/gitlab/site.rb", "nginx['listen_port'] = 8181\nx = 1\n"),
            ("/etc/gitlab/itself.rb", "from_file '/etc/gitlab/itself.rb'\nfrom_file '/etc/gitlab/itself.rb'\n"),
        ]))
    }
}

impl Environment for TestEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        (name == "DOMAIN").then(|| "example.org".to_owned())
    }

    fn variables(&self) -> Vec<(String, String)> {
        vec![("DOMAIN".to_owned(), "example.org".to_owned())]
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let text = path.to_str().and_then(|path| self.0.get(path));
        text.map(|text| (*text).to_owned()).ok_or(io::ErrorKind::NotFound.into())
    }

    fn exists(&self, path: &Path) -> bool {
        self.read(path).is_ok()
    }

    fn names_in(&self, directory: &Path) -> Option<Vec<String>> {
        let below = |path: &&'static str| Path::new(path).parent() == Some(directory);
        let name = |path: &'static str| Path::new(path).file_name()?.to_str().map(str::to_owned);
        let mut names: Vec<String> = self.0.keys().copied().filter(below).filter_map(name).collect();
        names.sort();
        (!names.is_empty()).then_some(names)
    }

    fn node(&self, key: &str) -> Option<String> {
        match key {
            "fqdn" => Some("git01.corp.example".to_owned()),
            "cpu.total" => Some("4".to_owned()),
            _ => None,
        }
    }
}

/// Evaluates a text and passes the settings and diagnostics to `inspect`.
fn evaluated<T: Send>(text: &str, inspect: impl FnOnce(&AssignedSettings, &Diagnostics) -> T + Send) -> T {
    let work = || {
        let mut problems = Diagnostics::new();
        let environment = TestEnvironment::new();
        let mut evaluator = Evaluator::new(&environment, &mut problems);
        evaluator.file(&SourceFile::new(Path::new("gitlab.rb"), text));
        let settings = evaluator.into_settings();
        inspect(&settings, &problems)
    };
    large_stack::run(work).unwrap().unwrap()
}

/// Returns the value of a setting after a text; an unknown value is `unknown: ` with its reason.
fn setting(text: &str, path: &[&str]) -> Json {
    evaluated(text, |settings, problems| {
        assert!(!problems.has_errors(), "{text}\n{problems}");
        let value = settings.entry(path).unwrap_or_else(|| panic!("{path:?} is not set by\n{text}")).value;
        value
            .find_unknown()
            .map_or_else(|| value.to_json(), |unknown| json!(format!("unknown: {}", unknown.reason)))
    })
}

/// Returns the value of an expression.
fn value(expression: &str) -> Json {
    setting(&format!("nginx['x'] = {expression}"), &["nginx", "x"])
}

/// Returns the value of `nginx['x']` after some lines.
fn after(lines: &str) -> Json {
    setting(lines, &["nginx", "x"])
}

fn problems(text: &str) -> String {
    evaluated(text, |_, problems| problems.to_string())
}

fn is_unknown(json: &Json) -> bool {
    json.as_str().is_some_and(|text| text.starts_with("unknown: "))
}

#[test]
fn all_forms_of_string_literals_are_read() {
    for quoted in ["'a b'", "\"a b\"", "%q(a b)", "%Q[a b]", "%{a b}", "'a' ' b'", "'a' \\\n' b'", "?a + ' b'"] {
        assert_eq!(value(quoted), "a b", "{quoted}");
    }
    assert_eq!(value(r#"'a\n\'b'"#), "a\\n'b");
    assert_eq!(value(r#""a\n\"b\u00e4""#), "a\n\"bä");
    assert_eq!(value(":symbol"), "symbol");
    assert_eq!(value(":'X-Audit'"), "X-Audit");
}

#[test]
fn heredoc_indentation_follows_its_operator() {
    assert_eq!(after("nginx['x'] = <<~EOS\n    a\n      b #{1 + 1}\n  EOS\n"), "a\n  b 2\n");
    assert_eq!(after("nginx['x'] = <<-EOS\n  a\n  EOS\n"), "  a\n");
    assert_eq!(after("nginx['x'] = <<~'EOS'\n  a\\n #{b}\nEOS\n"), "a\\n #{b}\n");
    assert_eq!(after("nginx['x'] = <<EOS.strip\n a\nEOS\n"), "a");
}

#[test]
fn number_array_and_hash_literals_are_read() {
    assert_eq!(value("31_536_000"), 31_536_000);
    assert_eq!(value("0x10 + 010 + 0b11"), 27);
    assert_eq!(value("-7 / 2"), -4);
    assert_eq!(value("10 * 1024 * 1024"), 10_485_760);
    assert_eq!(value("%w[a b]"), json!(["a", "b"]));
    assert_eq!(value("%w(a b) + ['c',]"), json!(["a", "b", "c"]));
    assert_eq!(value("[*%w(a b), 'c']"), json!(["a", "b", "c"]));
    let hash = "{ 'a' => 1, :b => 2, c: [nil, true], \"d-e\": {} }";
    assert_eq!(
        after(&format!("h = {hash}\nnginx['x'] = [h]")),
        json!([{"a": 1, "b": 2, "c": [null, true], "d-e": {}}])
    );
}

#[test]
fn string_methods_match_ruby() {
    for (expression, expected) in [
        ("' A '.strip.downcase", json!("a")),
        ("\"a\\n\".chomp", json!("a")),
        ("'a,b,,'.split(',')", json!(["a", "b"])),
        ("'10.0.0.1, 10.0.0.2'.split(',').map(&:strip).join(';')", json!("10.0.0.1;10.0.0.2")),
        ("'x.crt'.sub(/\\.crt\\z/, '.key')", json!("x.key")),
        ("'a-b'.gsub('-', '_').upcase", json!("A_B")),
        ("'host01'.gsub(/(\\d+)/, '<\\1>')", json!("host<01>")),
        ("'8080abc'.to_i", json!(8080)),
        ("'https://x'.start_with?('https')", json!(true)),
        ("'a'.include?('b') || nil.to_s.empty?", json!(true)),
        ("'git.example.com'[0..2]", json!("git")),
        ("'git.example.com'.split('.', 2).last", json!("example.com")),
        ("'git01'[/\\d+/]", json!("01")),
        ("'%s:%05d' % ['a', 42]", json!("a:00042")),
        ("format('%s.%s', 'a', :b)", json!("a.b")),
        ("'ab' * 2 + 'c'.freeze", json!("ababc")),
        ("'a'.nil? ? 1 : 2", json!(2)),
        ("'a'.delete_suffix('x').tr('a', 'b')", json!("b")),
        ("Integer('80') + '1'.to_i", json!(81)),
    ] {
        assert_eq!(value(expression), expected, "{expression}");
    }
}

#[test]
fn array_and_hash_methods_match_ruby() {
    for (expression, expected) in [
        ("['b', 'a', nil].compact.sort.first", json!("a")),
        ("['a', ['b']].flatten.uniq.length", json!(2)),
        ("[1, 2, 3].select { |n| n > 1 }.map { |n| n * 2 }", json!([4, 6])),
        ("%w(a b).each_with_index.to_a", json!([["a", 0], ["b", 1]])),
        ("[{ 'a' => 1 }.merge('b' => 2)]", json!([{"a": 1, "b": 2}])),
        ("{ 'a' => { 'b' => 5 } }.dig('a', 'b')", json!(5)),
        ("{ a: 1 }.fetch(:b, 7)", json!(7)),
        ("{ 'a' => 1 }.key?('a') && ![].any?", json!(true)),
        ("%w(a b).include?('b') ? (1..3).to_a : nil", json!([1, 2, 3])),
        ("[['a', 1]].to_h.keys", json!(["a"])),
        ("{ 'a' => 1 }.map { |key, value| \"#{key}=#{value}\" }", json!(["a=1"])),
    ] {
        assert_eq!(value(expression), expected, "{expression}");
    }
}

#[test]
fn variables_constants_and_methods_are_evaluated() {
    assert_eq!(after("host = 'a'\nHOST = \"#{host}.b\"\nnginx['x'] = HOST"), "a.b");
    assert_eq!(after("a, b = 'x', 'y'\na += b\nnginx['x'] = a << 'z'"), "xyz");
    assert_eq!(after("l = []\nl << 'a' << 'b'\nl.push('c')\nnginx['x'] = l"), json!(["a", "b", "c"]));
    assert_eq!(
        after("def path(name, ending = 'crt')\n  \"/ssl/#{name}.#{ending}\"\nend\nnginx['x'] = path('a')"),
        "/ssl/a.crt"
    );
    assert_eq!(after("x = nil\nx ||= 'd'\nx &&= x + 'e'\nnginx['x'] = x"), "de");
}

#[test]
fn mutation_is_visible_through_all_aliases() {
    assert_eq!(after("a = ['x']\nb = a\nb << 'y'\nnginx['x'] = a"), json!(["x", "y"]));
    assert_eq!(after("a = 'x'\nb = a\nb += 'y'\nnginx['x'] = a"), "x");
    assert_eq!(after("h = {}\ng = h\nh['a'] = 1\nnginx['x'] = [g]"), json!([{"a": 1}]));
    assert_eq!(after("nginx['x'] = [1, 2].inject([]) { |all, n| all << n * 2 }"), json!([2, 4]));
    assert_eq!(after("nginx['x'] = [%w(a b).each_with_object({}) { |k, h| h[k] = 1 }]"), json!([{"a": 1, "b": 1}]));
    for text in ["l = [['a']]\nl.each { |i| i << 'b' }", "def f(l)\n  l << 1\nend\nf([])"] {
        assert!(problems(text).contains("cannot determine which other values change"), "{text}");
    }
}

#[test]
fn arrays_are_destructured() {
    assert_eq!(after("a, (b, c), *d = 1, [2, 3], 4, 5\nnginx['x'] = [a, b, c, d]"), json!([1, 2, 3, [4, 5]]));
    assert_eq!(after("for a, b in [[1, 2]] do nginx['x'] = a + b end"), 3);
}

#[test]
fn settings_hashes_are_auto_vivified() {
    assert_eq!(setting("nginx['status']['port'] = 1", &["nginx", "status", "port"]), 1);
    assert_eq!(setting("nginx[:x] = 1", &["nginx", "x"]), 1);
    assert_eq!(setting("nginx['s'] = { 'a' => 1 }\nnginx['s']['b'] = 2", &["nginx", "s", "b"]), 2);
    assert_eq!(setting("nginx({ 'x' => 2 })", &["nginx", "x"]), 2);
    assert_eq!(setting("a = pages_nginx['x'] = registry_nginx['x'] = true", &["pages_nginx", "x"]), true);
    assert_eq!(after("nginx['y'] ||= 8080\nnginx['x'] = nginx['y']"), json!({}));
    assert_eq!(after("nginx['x'] = 3 unless nginx.key?('x')"), 3);
    assert_eq!(after("a = ['b']\nnginx['x'] = a\na << 'c'"), json!(["b"]));
    assert_eq!(after("nginx['x'] = ['b']\nnginx['x'] << 'c'"), json!(["b", "c"]));
    assert_eq!(after("nginx.merge!('x' => 4)"), 4);
}

#[test]
fn plain_settings_are_set_by_all_forms_of_calls() {
    for call in [
        "external_url 'https://a'",
        "external_url('https://a')",
        "self.external_url = 'https://a'",
        "Gitlab['external_url'] = 'https://a'",
        "external_url \"https://#{'A'.downcase}\"; nginx['x'] = 1",
    ] {
        assert_eq!(setting(call, &["external_url"]), "https://a", "{call}");
    }
}

#[test]
fn loops_over_settings_hashes_set_their_keys() {
    let both = "[nginx, mattermost_nginx].each do |v|\n  v['x'] = 80\nend";
    assert_eq!(setting(both, &["mattermost_nginx", "x"]), 80);
    let names = "%w(nginx registry_nginx).each { |k| Gitlab[k]['x'] = true }";
    assert_eq!(setting(names, &["registry_nginx", "x"]), true);
    assert_eq!(setting("{ 'x' => 1, 'y' => 2 }.each { |k, v| nginx[k] = v }", &["nginx", "y"]), 2);
    assert_eq!(setting("for k in %w(x y) do nginx[k] = k end", &["nginx", "y"]), "y");
    assert_eq!(after("[1, 2, 3].each { |n| next if n == 3; break if n > 3; nginx['x'] = n }"), 2);
    assert_eq!(after("2.times { |n| nginx['x'] = n }"), 1);
}

#[test]
fn conditions_select_branches() {
    assert_eq!(
        after("if false then nginx['x'] = 1\nelsif 'a' == 'a' then nginx['x'] = 2\nelse nginx['x'] = 3 end"),
        2
    );
    assert_eq!(after("nginx['x'] = 1\nnginx['x'] = 2 unless ENV['DOMAIN']"), 1);
    assert_eq!(
        after("nginx['x'] = case 'git01' when /\\Astaging/ then 1 when 'git02', 'git01' then 2 else 3 end"),
        2
    );
    assert_eq!(after("nginx['x'] = case when 1 > 2 then 1 else 2 end"), 2);
    assert_eq!(value("!false && !(1 == 2)"), true);
}

#[test]
fn environment_is_read() {
    for (expression, expected) in [
        ("ENV['DOMAIN']", json!("example.org")),
        ("ENV.fetch('NOTHING', 'd')", json!("d")),
        ("ENV.fetch('NOTHING') { 'e' }", json!("e")),
        ("ENV['NOTHING'].to_s.empty?", json!(true)),
        ("\"https://#{node['fqdn']}\"", json!("https://git01.corp.example")),
        ("node['cpu']['total'] * 2", json!(8)),
        ("File.exist?('/etc/host') && !File.file?('/none')", json!(true)),
        ("File.read('/etc/host').strip", json!("git.example.com")),
        ("File.join('/etc/', 'gitlab', File.basename('/a/b.crt', '.crt'))", json!("/etc/gitlab/b")),
        ("(File.read('/none') rescue 'd')", json!("d")),
        ("JSON.parse('{\"a\": [1]}')['a']", json!([1])),
    ] {
        assert_eq!(value(expression), expected, "{expression}");
    }
}

#[test]
fn from_file_is_evaluated_in_place() {
    let text = "nginx['listen_port'] = 80\nfrom_file '/etc/gitlab/site.rb'\nnginx['x'] = defined_here = 2";
    assert_eq!(setting(text, &["nginx", "listen_port"]), 8181);
    assert!(problems("from_file '/none.rb'").contains("cannot read `/none.rb`"));
}

#[test]
fn comments_and_text_after_end_marker_are_ignored() {
    assert_eq!(after("=begin\nnginx['x'] = 1\n=end\nnginx['x'] = 2 # 3\n__END__\nnginx['x'] = 4"), 2);
}

#[test]
fn values_that_require_execution_are_unknown() {
    for expression in
        ["`hostname -f`.strip", "\"https://#{`hostname`}\"", "OpenSSL::Digest.new('x')", "node['ipaddress']"]
    {
        assert!(is_unknown(&value(expression)), "{expression}");
    }
    assert_eq!(value("File.read('/none').strip"), "unknown: cannot read `/none`: entity not found");
}

#[test]
fn values_that_depend_on_unknown_values_are_unknown() {
    for lines in [
        "nginx['x'] = 1\nnginx['x'] = 2 if `true`",
        "nginx['x'] = `a` ? 1 : 2",
        "x = 1\nx = 2 unless system('a')\nnginx['x'] = x",
        "nginx['x'] = 1\ncase `a` when 'b' then nginx['x'] = 2 end",
        "nginx['x'] = 1\nDir.glob('*').each { |f| nginx['x'] = f }",
        "nginx['x'] = 1\n[1].each { |n| next if `a`; nginx['x'] = 2 }",
        "nginx['x'] = 1\n`a` && nginx['x'] = 2",
        "begin\n  y = `a`\n  nginx['x'] = y\nrescue\n  nginx['x'] = 2\nend",
        "nginx['x'] = 1\nnginx[`key`] = 2",
    ] {
        assert!(is_unknown(&after(lines)), "{lines}");
    }
}

#[test]
fn unknown_value_of_another_setting_has_no_effect() {
    assert_eq!(after("gitlab_rails['x'] = `pass`\nrequire 'json'\nputs 'hello'\nnginx['x'] = 1"), 1);
}

#[test]
fn misspelled_names_are_errors_and_unknown_names_are_warnings() {
    let misspelled = problems("mattermost_ngnix['x'] = 1");
    assert!(misspelled.starts_with("error: unknown setting `mattermost_ngnix`"), "{misspelled}");
    assert!(misspelled.contains("did you mean `mattermost_nginx`?"), "{misspelled}");
    assert!(problems("something_of_another_version 1").starts_with("warning: "));
    assert!(problems("x = something_of_another_version['x']").starts_with("warning: "));
}

#[test]
fn ruby_syntax_error_is_reported_at_its_span() {
    let problem = problems("external_url https://gitlab.example.com\n");
    assert!(problem.contains("Ruby syntax error"), "{problem}");
    assert!(problem.contains("write the URL in 'quotes'"), "{problem}");
    let problem = problems("external_url “https://gitlab.example.com\n");
    assert!(problem.contains("typographic quotes") || problem.contains("unknown setting"), "{problem}");
}

#[test]
fn evaluation_of_any_text_is_bounded() {
    let deep = format!("x = {}1{}\n", "(".repeat(3000), ")".repeat(3000));
    let wide = format!("x = {}1\n", "1 + ".repeat(20_000));
    let growing = format!("x = 'a' * 1000\n{}", "x = x + x\n".repeat(60));
    let tripled = "def f(n)\n  f(n)\n  f(n)\nend\nf(1)\n".to_owned();
    let files = "from_file '/etc/gitlab/itself.rb'\n".to_owned();
    for text in [deep, wide, growing, tripled, files] {
        let message = problems(&text);
        assert!(message.contains("levels deep") || message.contains("MiB of memory"), "{}", &text[..40]);
    }
    let condition = format!("if {}a\nend\n", "a && ".repeat(20_000));
    assert!(problems(&condition).contains("commas and logical operators"));
    let long = "x = 1\n".repeat(60_000);
    assert!(problems(&long).contains("KiB of Ruby"));
}

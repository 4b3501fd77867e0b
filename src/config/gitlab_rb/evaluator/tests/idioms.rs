//! Tests of idioms from published files beyond plain assignments.

use serde_json::json;

use super::{TestEnvironment, problems, setting};
use crate::config::gitlab_rb::environment::Environment;

fn x(text: &str) -> serde_json::Value {
    setting(text, &["nginx", "x"])
}

#[test]
fn methods_accept_keyword_optional_and_rest_arguments() {
    let url = "def url(host, scheme: 'https') \"#{scheme}://#{host}\" end\n";
    assert_eq!(
        x(&format!("{url}nginx['x'] = [url('a'), url('b', scheme: 'http')]")),
        json!(["https://a", "http://b"])
    );
    let all = "def all(a, b = 2, *c, d:, **e) [a, b, c, d, e] end\n";
    let expected = json!([1, 9, [8, 7], 4, { "f": 5 }]);
    assert_eq!(x(&format!("{all}nginx['x'] = all(1, 9, 8, 7, d: 4, f: 5)")), expected);
    assert_eq!(x("def two(a, b = 7) [a, b] end\nnginx['x'] = two([1, 2])"), json!([[1, 2], 7]));
}

#[test]
fn removing_methods_return_the_element_and_shrink_the_receiver() {
    assert_eq!(x("l = [1, 2, 3]\nnginx['x'] = [l.pop, l.shift, l]"), json!([3, 1, [2]]));
    assert_eq!(x("h = { 'a' => 1 }\nnginx['x'] = [h.delete('a'), h.length]"), json!([1, 0]));
    assert_eq!(x("l = [1, 2]\nl.map! { |i| i * 2 }\nnginx['x'] = l"), json!([2, 4]));
    assert_eq!(x("nginx['x'] = { 'a' => 1 }.tap { |h| h['b'] = 2 }.keys"), json!(["a", "b"]));
}

#[test]
fn strings_are_searched_and_edited() {
    assert_eq!(x("nginx['x'] = ['git.example.com'.index('.'), 'a.b.c'.count('.')]"), json!([3, 2]));
    assert_eq!(x("s = 'ac'\ns.insert(1, 'b')\nnginx['x'] = s"), "abc");
}

#[test]
fn match_groups_are_accessible() {
    let named = "m = /(?<name>\\w+)\\.(?<rest>.+)/.match('git.example.com')\n";
    assert_eq!(
        x(&format!("{named}nginx['x'] = [m[:name], m['rest'], m[0]]")),
        json!(["git", "example.com", "git.example.com"])
    );
    assert_eq!(x("if 'git.example.com' =~ /\\.(.+)/ then nginx['x'] = $1 end"), "example.com");
    assert_eq!(x("case 'a=b' when /=(.)/ then nginx['x'] = $1 end"), "b");
    assert_eq!(x("nginx['x'] = ENV['NOPE'] =~ /yes/ ? 1 : 2"), 2);
}

#[test]
fn blocks_select_group_and_fold() {
    assert_eq!(x("nginx['x'] = { 'a' => 1, 'b' => 2 }.select { |k| k == 'b' }.keys"), json!(["b"]));
    assert_eq!(x("nginx['x'] = [1, 2, 3].filter_map { |i| i * 2 if i.odd? }"), json!([2, 6]));
    assert_eq!(x("nginx['x'] = [1, 2, 3].partition(&:even?)"), json!([[2], [1, 3]]));
    assert_eq!(x("nginx['x'] = %w[aa b].min_by(&:size)"), "b");
    assert_eq!(x("nginx['x'] = [[1, 2]].map { _1 + _2 }"), json!([3]));
    assert_eq!(
        x("nginx['x'] = { 'a' => 1 }.merge('a' => 2) { |_, old, new| old + new }.to_a.flatten"),
        json!(["a", 3])
    );
    assert_eq!(x("nginx['x'] = { A: 1 }.transform_keys { |k| k.to_s.downcase }.keys"), json!(["a"]));
    assert_eq!(x("i = 0\nwhile i < 3\n  i += 1\nend\nnginx['x'] = i"), 3);
    assert_eq!(x("2.upto(3) { |i| nginx['x'] = i }"), 3);
}

#[test]
fn splat_takes_the_remaining_elements() {
    assert_eq!(x("*a, b = [1, 2, 3]\nnginx['x'] = [a, b]"), json!([[1, 2], 3]));
    assert_eq!(x("a, (b, c), *d = 1, [2, 3], 4\nnginx['x'] = [a, b, c, d]"), json!([1, 2, 3, [4]]));
}

#[test]
fn format_directives_are_applied() {
    assert_eq!(x("nginx['x'] = '%s:%05d|%-3s|%.2f|%x' % ['a', 42, 'b', 3.14159, 255]"), "a:00042|b  |3.14|ff");
    assert_eq!(x("nginx['x'] = format('%{host}:%<port>d', host: 'a', port: 80)"), "a:80");
    assert_eq!(x("nginx['x'] = \"#{[1, 'a', :b, nil]}\""), "[1, \"a\", :b, nil]");
}

#[test]
fn dir_glob_returns_sorted_paths() {
    assert_eq!(x("Dir.glob('/etc/gitlab/*.rb').each { |f| nginx['x'] = f }"), "/etc/gitlab/site.rb");
    assert_eq!(setting("from_file Dir['/etc/gitlab/si*.rb'].first", &["nginx", "listen_port"]), 8181);
    assert!(TestEnvironment::new().names_in("/etc".as_ref()).is_some());
    assert_eq!(
        x("nginx['x'] = [File.file?('/etc'), File.directory?('/etc'), File.file?('/etc/host')]"),
        json!([false, true, true])
    );
}

#[test]
fn env_is_a_hash() {
    assert_eq!(
        x("ENV.select { |k| k.start_with?('DOM') }.each { |k, v| nginx['x'] = k.downcase + v }"),
        "domainexample.org"
    );
    assert_eq!(x("eval \"nginx['x'] = '#{ENV['DOMAIN']}'\""), "example.org");
}

#[test]
fn json_and_yaml_strings_are_parsed() {
    assert_eq!(x("nginx['x'] = JSON.parse('{\"a\": 1}', symbolize_names: true)[:a]"), 1);
    assert_eq!(x("nginx['x'] = YAML.load(<<~EOS)['main']['port']\n  main: # first\n    port: 636\nEOS\n"), 636);
}

#[test]
fn undefined_constants_are_unknown() {
    assert_eq!(x("nginx['x'] = True"), "unknown: Ruby has no `True`; write `true`");
    assert_eq!(x("nginx['x'] = Helper::PORT"), "unknown: `Helper::PORT` is not defined in this file");
}

#[test]
fn symbol_keys_set_nothing_in_a_whole_hash() {
    let problems = problems("nginx({ x: 1, 'y' => 2 })");
    assert!(problems.contains("`x` sets nothing in this form"), "{problems}");
    assert_eq!(setting("nginx({ x: 1, 'y' => 2 })", &["nginx", "y"]), 2);
}

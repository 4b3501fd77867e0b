# Prints the settings of a gitlab.rb as JSON. Executes the file, as the GitLab package does.

require 'json'

# An unset key is an empty section. Strings and symbols are the same key.
class Section < Hash
  def [](key)
    key?(key.to_s) ? super(key.to_s) : (self[key.to_s] = Section.new)
  end

  def []=(key, value)
    super(key.to_s, value)
  end
end

# Every unknown method is a setting: read without an argument, written with one.
class GitlabRb
  def initialize(settings)
    @settings = settings
  end

  def node
    { 'fqdn' => 'gitlab.example.com', 'hostname' => 'gitlab', 'cpu' => { 'total' => 2 } }
  end

  def method_missing(name, *values)
    values.empty? ? @settings[name] : @settings[name] = values.first
  end

  def respond_to_missing?(*)
    true
  end
end

Gitlab = Section.new
GitlabRb.new(Gitlab).instance_eval(File.read(ARGV.fetch(0)), ARGV.fetch(0))
puts JSON.generate(Gitlab)

# A load balancer on this machine terminates TLS and sends the client address. The URL of GitLab has a port.
external_url 'https://gitlab.example.com:8443'
mattermost_external_url 'https://chat.example.com'
registry_external_url 'https://registry.example.com'
letsencrypt['enable'] = false
[nginx, mattermost_nginx, registry_nginx].each do |host|
  host['listen_https'] = false
  host['real_ip_trusted_addresses'] = ['127.0.0.0/8', '198.51.100.0/24']
  host['real_ip_header'] = 'X-Forwarded-For'
end
nginx['real_ip_recursive'] = 'on'
nginx['listen_port'] = 80
mattermost_nginx['listen_port'] = 80
nginx['proxy_set_headers'] = { 'X-Forwarded-Port' => '8443', 'X-Real-IP' => nil }

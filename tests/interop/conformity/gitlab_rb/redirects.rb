# Every host redirects to https, Mattermost to a separate port.
external_url 'https://gitlab.example.com'
mattermost_external_url 'https://chat.example.com:8443'
registry_external_url 'https://registry.example.com'
pages_external_url 'https://pages.example.com'
letsencrypt['enable'] = false
%w[nginx mattermost_nginx registry_nginx pages_nginx].each { |key| Gitlab[key]['redirect_http_to_https'] = true }
mattermost_nginx['hsts_max_age'] = 0
nginx['referrer_policy'] = false
mattermost_nginx['referrer_policy'] = false

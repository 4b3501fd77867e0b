# All hosts over plain HTTP, Mattermost on a separate port.
external_url 'http://gitlab.example.com'
mattermost_external_url 'http://chat.example.com:8000'
registry_external_url 'http://registry.example.com'
pages_external_url 'http://pages.example.com'
nginx['client_max_body_size'] = '1m'
mattermost_nginx['client_max_body_size'] = '50k'

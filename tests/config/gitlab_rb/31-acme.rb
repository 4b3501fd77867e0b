# Certificates are obtained: one for both hosts and a further name, with an RSA key.
external_url 'https://gitlab.example.com'
mattermost_external_url 'https://mattermost.example.com'
letsencrypt['enable'] = true
letsencrypt['contact_emails'] = ['ops@example.com']
letsencrypt['alt_names'] = ['www.example.com']
letsencrypt['key_size'] = 3072
letsencrypt['acme_production_endpoint'] = 'https://ca.corp.example/directory'
letsencrypt['auto_renew_hour'] = 3
letsencrypt['group'] = 'ssl'
nginx['ssl_certificate'] = '/srv/tls/host.crt'
nginx['ssl_certificate_key'] = '/srv/tls/host.key'

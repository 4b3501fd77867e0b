# TLS as far as the package lets one say it: suites, groups, sessions, client certificates, smartcards.
external_url 'https://gitlab.example.com'
nginx['ssl_ciphers'] = 'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384:DHE-RSA-AES256-GCM-SHA384:!RC4'
nginx['ssl_prefer_server_ciphers'] = 'on'
nginx['ssl_ecdh_curve'] = 'X25519:prime256v1'
nginx['ssl_session_tickets'] = 'off'
nginx['ssl_session_cache'] = 'shared:SSL:1m'
nginx['ssl_session_timeout'] = '5m'
nginx['ssl_dhparam'] = '/etc/gitlab/ssl/dhparam.pem'
nginx['ssl_password_file'] = '/etc/gitlab/ssl/passwords'
nginx['ssl_conf_command'] = ['Ciphersuites TLS_AES_256_GCM_SHA384', 'Options KTLS']
gitlab_rails['smartcard_enabled'] = true
gitlab_rails['smartcard_ca_file'] = '/etc/gitlab/ssl/smartcards.pem'

mattermost_external_url 'https://chat.example.com'
mattermost_nginx['ssl_protocols'] = 'TLSv1.3'
mattermost_nginx['ssl_verify_client'] = 'optional'
mattermost_nginx['ssl_client_certificate'] = '/etc/gitlab/ssl/clients.pem'
mattermost_nginx['ssl_verify_depth'] = '2'

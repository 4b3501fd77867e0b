# Agents for Kubernetes on a host of their own, over TLS to the agent server. Kerberos has a plain port.
external_url 'https://gitlab.example.com'
registry_external_url 'https://gitlab.example.com:5050'
letsencrypt['enable'] = false

gitlab_kas_external_url 'wss://kas.example.com'
gitlab_kas_nginx['listen_addresses'] = ['10.0.0.5']
gitlab_kas_nginx['k8s_proxy_read_timeout'] = 600
gitlab_kas['listen_address'] = '127.0.0.1:8150'
gitlab_kas['certificate_file'] = '/etc/gitlab/ssl/kas-internal.crt'
gitlab_kas['key_file'] = '/etc/gitlab/ssl/kas-internal.key'

gitlab_rails['kerberos_enabled'] = true
gitlab_rails['kerberos_use_dedicated_port'] = true
gitlab_rails['kerberos_port'] = 8443

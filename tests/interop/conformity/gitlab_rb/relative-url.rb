# GitLab at a relative URL, with a redirect, health checks and Kubernetes agents below it.
external_url 'https://tools.example.com/gitlab'
letsencrypt['enable'] = false
nginx['redirect_http_to_https'] = true
nginx['hsts_include_subdomains'] = true
gitlab_workhorse['listen_network'] = 'tcp'
gitlab_workhorse['listen_addr'] = '127.0.0.1:8181'

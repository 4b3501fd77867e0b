"""Parts of the comparison between Gatepost and nginx with the configuration of the GitLab package."""

//! Command-line definitions (clap).

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Reverse proxy for GitLab and Mattermost that replaces the bundled nginx
#[derive(Parser)]
#[command(version, subcommand_required = true, arg_required_else_help = true)]
pub(super) struct CommandLine {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Run the proxy
    Serve(ConfigArgs),
    /// Check the configuration and its certificates
    Check(ConfigArgs),
    /// Check this machine: upstreams, ports, file permissions, host names
    Doctor(ConfigArgs),
    /// Print the effective configuration
    Explain {
        #[command(flatten)]
        source: ConfigArgs,
        /// Select the output format
        #[arg(long, value_enum, default_value_t = FormatArg::Table)]
        format: FormatArg,
    },
    /// Serve two demo applications on loopback with temporary certificates
    Demo,
}

#[derive(Args)]
pub(super) struct ConfigArgs {
    /// Read this TOML configuration [default: /etc/gatepost/gatepost.toml]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Read this gitlab.rb [default: /etc/gitlab/gitlab.rb]
    ///
    /// The output of `gitlab-ctl show-config` is accepted as well. The default
    /// applies if /etc/gatepost/gatepost.toml does not exist.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    pub(super) gitlab_rb: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum FormatArg {
    Table,
    Toml,
    Json,
}

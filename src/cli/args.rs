//! Command-line definitions (clap).

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A reverse proxy that takes the place of GitLab's bundled nginx, for GitLab and Mattermost
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
    /// Find everything that is wrong with a configuration, certificates included, without serving it
    Check(ConfigArgs),
    /// Find what is wrong on this machine as well: applications, ports, rights, names
    Doctor(ConfigArgs),
    /// Say what a configuration means
    Explain {
        #[command(flatten)]
        source: ConfigArgs,
        /// How to say it
        #[arg(long, value_enum, default_value_t = FormatArg::Table)]
        format: FormatArg,
    },
    /// Serve two stand-in applications on high loopback ports, with throw-away certificates
    Demo,
}

#[derive(Args)]
pub(super) struct ConfigArgs {
    /// The configuration [default: /etc/gatepost/gatepost.toml, else /etc/gitlab/gitlab.rb]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// A gitlab.rb to go by, or what `gitlab-ctl show-config` prints
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    pub(super) gitlab_rb: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum FormatArg {
    Table,
    Toml,
    Json,
}

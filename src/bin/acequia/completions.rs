//! `acequia completions`: what a shell needs to complete the command's flags.

use clap::Command;
use clap_complete::Shell;

/// Print completions for a shell
///
/// For bash: `acequia completions bash > ~/.local/share/bash-completion/completions/acequia`; for
/// fish: `acequia completions fish > ~/.config/fish/completions/acequia.fish`; for zsh: `_acequia`
/// in a folder of `$fpath`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn script(args: &Args, mut root: Command) -> Vec<u8> {
    let mut script = Vec::new();
    let name = root.get_name().to_owned();
    clap_complete::generate(args.shell, &mut root, name, &mut script);
    script
}

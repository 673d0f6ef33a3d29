//! `acequia man`: the manual pages.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Command;
use clap_mangen::Man;

/// Write the manual pages into a folder, or print the first of them
///
/// `acequia man | man -l -` shows acequia(1). With a folder, such as /usr/local/share/man/man1,
/// there is a page for each command as well: acequia-serve(1), acequia-worker(1) and so on.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder, which must exist
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// The page to print, if it is not for a folder.
pub(crate) fn page(args: &Args, root: Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    match &args.folder {
        Some(folder) => clap_mangen::generate_to(root, folder)
            .with_context(|| format!("cannot write manual pages into {}", folder.display()))?,
        None => Man::new(root.disable_help_subcommand(true)).render(&mut page)?,
    }
    Ok(page)
}

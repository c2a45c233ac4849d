//! `completions` and `man`: what a shell and `man` need to know of the commands.

use std::path::Path;

use anyhow::{Context as _, Result};
use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Args;
use crate::exit::Exit;
use crate::output::put_text;

pub(crate) fn completions(shell: Shell) -> Result<Exit> {
    let mut command = Args::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    put_text(String::from_utf8(script)?)?;
    Ok(Exit::Fine)
}

/// The page of the command itself; or all pages, into a folder.
pub(crate) fn man(folder: Option<&Path>) -> Result<Exit> {
    let command = Args::command();
    match folder {
        Some(folder) => {
            let written = clap_mangen::generate_to(command, folder);
            written.with_context(|| format!("writing man pages into {}", folder.display()))?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            put_text(String::from_utf8(page)?)?;
        }
    }
    Ok(Exit::Fine)
}

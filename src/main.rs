//! The `grantor` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    grantor::app::commands::run()
}

//! The `kms-server` command.

use std::io::Write;
use std::process::ExitCode;

use kms_server::cli::{Arguments, ExitCode as Code, commands};
use kms_server::config::Environment;

// A request makes some forty small allocations, and what its record holds is freed on another thread.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = match Arguments::parse_arguments(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return Code::of_arguments(&error).into();
        }
    };
    match commands::run(&arguments, &Environment::of_process()) {
        Ok(code) => code.into(),
        Err(failed) => {
            let _ = writeln!(std::io::stderr(), "kms-server: {failed}");
            failed.code.into()
        }
    }
}

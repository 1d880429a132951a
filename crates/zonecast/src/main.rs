//! The binary: everything is in the library, so that tests and programs can use it too.

fn main() -> std::process::ExitCode {
    zonecast::cli::main()
}

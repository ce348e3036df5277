//! `scripts/bench`: see [`pen_bench`].

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pen_bench::options::{HELP, Invocation, Options};
use pen_bench::proxy::Proxy;
use pen_bench::results::{About, Results};
use pen_bench::rounds::{Bench, Extent};
use pen_bench::{Error, Result, network, report, scenario, servers, stop};

fn main() -> ExitCode {
    let outcome = match Invocation::parse(std::env::args_os().skip(1)) {
        Err(error) => {
            eprintln!("bench: {error}\nbench: --help shows how it is used");
            return ExitCode::from(2);
        }
        Ok(Invocation::Help) => {
            println!("{HELP}");
            Ok(true)
        }
        Ok(Invocation::List) => {
            scenario::all().for_each(|scenario| println!("{:10} {}", scenario.name, scenario.about));
            Ok(true)
        }
        Ok(Invocation::Servers) => servers::serve().map(|()| true),
        Ok(Invocation::Run(options)) => run(&options),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures or reads results, and shows them; whether all went well.
fn run(options: &Options) -> Result<bool> {
    let mut results = match &options.from {
        Some(file) => {
            let results = Results::read(file)?;
            results.scenarios.iter().for_each(|results| print!("{}", report::scenario(results)));
            results
        }
        None => measure(options)?,
    };
    if let Some(note) = &options.note {
        results.about.note.clone_from(note);
    }
    if let Some(file) = &options.json {
        results.write(file)?;
    }
    if let Some(file) = &options.markdown {
        report::write_markdown(&results, file, None)?;
    }
    if let Some(directory) = &options.charts {
        report::write_charts(&results, directory)?;
    }
    if options.docs {
        report::write_charts(&results, Path::new("docs/performance"))?;
        report::write_markdown(&results, Path::new("docs/performance.md"), Some("performance"))?;
    }
    Ok(results.is_complete())
}

fn measure(options: &Options) -> Result<Results> {
    stop::listen()?;
    let proxies = proxies(options)?;
    let isolated = !options.shared_network && network::isolate();
    if !isolated {
        println!(
            "in the host's network, where other traffic may disturb: as root there would be one of its own"
        );
    }
    system::limits::raise_descriptor_limit().map_err(Error::doing("descriptors"))?;
    let extent = Extent { rounds: options.rounds, scale: options.scale };
    let mut results = Results { about: about(&proxies, extent, isolated), scenarios: Vec::new() };
    let bench = Bench::new(proxies, extent)?;
    let wanted =
        |name: &str| options.scenarios.is_empty() || options.scenarios.iter().any(|other| other == name);
    for scenario in scenario::all().filter(|scenario| wanted(scenario.name)) {
        let measured = bench.scenario(&scenario)?;
        print!("{}", report::scenario(&measured));
        results.scenarios.push(measured);
        // As soon as it is there: a run is long, and may be interrupted.
        if let Some(file) = &options.json {
            results.write(file)?;
        }
    }
    Ok(results)
}

/// Who is compared, pen first. Who is missing is told.
fn proxies(options: &Options) -> Result<Vec<Proxy>> {
    let wanted = |name: &str| options.proxies.is_empty() || options.proxies.iter().any(|other| other == name);
    let mut proxies = Vec::new();
    if wanted("pen") {
        proxies.push(Proxy::pen(pen()?));
    }
    proxies.extend(options.also.iter().map(|(name, path)| Proxy::other_pen(name, path.clone())));
    let (peers, missing) = Proxy::peers();
    proxies.extend(peers.into_iter().filter(|peer| wanted(&peer.name)));
    for line in missing.iter().filter(|line| wanted(line.split(' ').next().unwrap_or_default())) {
        println!("{line}");
    }
    Ok(proxies)
}

/// `PEN_BIN`, or the pen that was built beside this program.
fn pen() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("PEN_BIN") {
        return Ok(path.into());
    }
    let this = std::env::current_exe().map_err(Error::doing("this program"))?;
    let path = this.with_file_name("pen");
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::File { path, reason: "is not built: run cargo build --release -p pen, or set PEN_BIN".into() })
}

fn about(proxies: &[Proxy], extent: Extent, isolated: bool) -> About {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let processor = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let versions: BTreeMap<String, String> =
        proxies.iter().map(|proxy| (proxy.name.clone(), proxy.version())).collect();
    About {
        date: chrono::Utc::now().format("%Y-%m-%d").to_string(),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        processor: processor.map(|(_, model)| model.to_owned()).unwrap_or_default(),
        cores: system::limits::available_cores().get(),
        rounds: extent.rounds,
        scale: extent.scale,
        load: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()),
        note: String::new(),
        isolated,
        versions,
    }
}

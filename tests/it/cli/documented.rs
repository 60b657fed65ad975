//! Every flag of every command stands in `docs/commands.md`, with its default and its variable, and no
//! other does; every metric stands in `docs/fleet.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::binary;

/// The commands, and the headings of the tables that hold their flags. Those of `sync` alone stand in
/// `docs/sync.md`.
const COMMANDS: [(&str, &[&str]); 11] = [
    ("secret", &["Hosts of a config", "secret", "Reaching the cluster", "Global"]),
    ("login", &["Hosts of a config", "login", "Global"]),
    ("keygen", &["keygen", "Global"]),
    (
        "coordinator",
        &["coordinator", "Clients and workers", "NATS", "Registries, metrics and logs", "Global"],
    ),
    ("worker", &["worker", "Reaching the fleet", "NATS", "Registries, metrics and logs", "Global"]),
    ("sync", &["sync --coordinator", "Reaching the fleet"]),
    ("runs", &["Global"]),
    ("runs list", &["runs", "Reaching the fleet", "Global"]),
    ("runs get", &["runs", "Reaching the fleet", "Global"]),
    ("runs watch", &["runs", "runs watch", "Reaching the fleet", "Global"]),
    ("runs cancel", &["runs", "Reaching the fleet", "Global"]),
];

/// A flag's default and variable; empty where there is none.
type Flags = BTreeMap<String, (String, String)>;

/// Reads the options of a help: each begins a line, and goes on below.
fn of_help(help: &str) -> Flags {
    let mut options: Vec<String> = Vec::new();
    let mut is_within = false;
    for line in help.lines() {
        let begins = line.starts_with("  -") || line.starts_with("      --");
        is_within = begins || (is_within && line.starts_with("          "));
        if begins {
            options.push(line.trim().to_owned());
        } else if let (true, Some(option)) = (is_within, options.last_mut()) {
            option.push(' ');
            option.push_str(line.trim());
        }
    }
    let named = options.iter().filter_map(|option| {
        let part = |name: &str| {
            let (_, rest) = option.split_once(&format!("[{name}: "))?;
            rest.split_once(']').map(|(value, _)| value.to_owned())
        };
        let flag = option.split_whitespace().find(|word| word.starts_with("--"))?;
        Some((
            flag.to_owned(),
            (part("default").unwrap_or_default(), part("env").unwrap_or_default()),
        ))
    });
    named.filter(|(flag, _)| flag != "--help").collect()
}

/// Reads the table of flags below a heading of the page.
fn of_page(page: &str, heading: &str) -> Flags {
    let (_, below) = page
        .split_once(&format!("\n### {heading}\n"))
        .unwrap_or_else(|| panic!("docs/commands.md has no heading {heading}"));
    let own = below.split("\n#").next().unwrap_or_default();
    let rows = own.lines().filter(|line| line.starts_with("| `"));
    let flags = rows.map(|row| {
        let row = row.replace("\\|", "/");
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let ["", name, default, variable, _, ""] = cells.as_slice() else {
            panic!("four columns are wanted: {row}");
        };
        let flag = name.split(['`', ' ']).find(|word| word.starts_with("--")).expect("a flag");
        let plain = |cell: &str| cell.replace('`', "");
        (flag.to_owned(), (plain(default), plain(variable)))
    });
    flags.collect()
}

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names that a source registers.
fn registered(path: &str) -> BTreeSet<String> {
    let source = text(path);
    let calls = source.split("registry.register(\"").skip(1);
    calls.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_flag_is_on_the_page_with_its_default_and_variable() {
    let (page, of_sync) = (text("docs/commands.md"), text("docs/sync.md"));
    let is_of_sync = |flag: &str| {
        let names = |row: &str| row.split(['`', ' ', ',']).any(|word| word == flag);
        of_sync.lines().any(|line| line.starts_with("| `") && names(line))
    };
    let mirror = binary();
    for (command, headings) in COMMANDS {
        let help = mirror.call(command.split(' ').chain(["--help"])).run().await;
        help.assert_code(0);
        let expected: Flags = headings.iter().flat_map(|heading| of_page(&page, heading)).collect();
        let mut found = of_help(&help.stdout);
        if command == "sync" {
            found.retain(|flag, _| expected.contains_key(flag) || !is_of_sync(flag));
        }
        assert_eq!(found, expected, "{command}");
    }
}

#[test]
fn every_metric_is_on_the_page() {
    let page = text("docs/fleet.md");
    let requests = registered("shared/monitor/src/requests.rs");
    for process in ["coordinator", "worker"] {
        let own = registered(&format!("{process}/src/metrics.rs"));
        assert!(own.len() > 5, "{process}: {own:?}");
        let prefix = format!("| `flux_mirror_{process}_");
        let rows = page.lines().filter_map(|line| line.strip_prefix(prefix.as_str()));
        let names = rows.filter_map(|row| row.split('`').next());
        let found: BTreeSet<String> =
            names.map(|name| name.trim_end_matches("_total").to_owned()).collect();
        assert_eq!(found, own.union(&requests).cloned().collect(), "{process}");
    }
}

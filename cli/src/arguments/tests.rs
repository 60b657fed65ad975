//! Each bad value is one clear error; flags stand above their variables.

use super::*;

/// Parses a line of words with this environment.
fn parsed(line: &str, environment: &[(&str, &str)]) -> Result<Arguments, String> {
    let environment = |name: &str| {
        let found = environment.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let words = ["flux-mirror"].into_iter().chain(line.split_whitespace());
    let matches = program(&environment).try_get_matches_from(words);
    matches
        .and_then(|mut matches| Arguments::from_arg_matches_mut(&mut matches))
        .map_err(|error| one_line(&error))
}

#[track_caller]
fn refused(line: &str, expected: &str) {
    match parsed(line, &[]) {
        Ok(arguments) => panic!("{line} is taken: {arguments:?}"),
        Err(message) => assert_eq!(message, expected, "{line}"),
    }
}

/// The command line of a coordinator that is in order.
const COORDINATOR: &str = "coordinator --nats nats://n:4222";
/// The command line of a worker that is in order.
const WORKER: &str = "worker --nats nats://n:4222 --coordinator http://127.0.0.1:7443";

#[track_caller]
fn coordinator(more: &str) -> Coordinator {
    let command = parsed(&format!("{COORDINATOR} {more}"), &[]).unwrap().command;
    let Command::Coordinator(flags) = command else { panic!("{command:?}") };
    *flags
}

#[track_caller]
fn worker(more: &str) -> Worker {
    let command = parsed(&format!("{WORKER} {more}"), &[]).unwrap().command;
    let Command::Worker(flags) = command else { panic!("{command:?}") };
    *flags
}

#[track_caller]
fn sync(more: &str) -> Sync {
    let command = parsed(&format!("sync mirror.yaml {more}"), &[]).unwrap().command;
    let Command::Sync(flags) = command else { panic!("{command:?}") };
    *flags
}

#[test]
fn a_bad_value_of_the_coordinator_is_one_line() {
    let check = |more: &str, expected: &str| refused(&format!("{COORDINATOR} {more}"), expected);
    let required = "the following required arguments were not provided: ";
    refused("coordinator", &format!("{required}--nats <URL[,URL]>"));
    for replicas in ["0", "2", "4", "7", "-1", "x"] {
        check(
            &format!("--replicas {replicas}"),
            &format!("invalid value '{replicas}' for '--replicas <N>': must be 1, 3 or 5"),
        );
    }
    for (url, shown) in [
        ("127.0.0.1:7443", "127.0.0.1:7443"),
        ("ftp://c:1", "ftp://c:1"),
        ("http://user:password@c:1", "http://…@c:1"),
        ("https://c/path", "https://c/path"),
        ("https://c?q", "https://c?q"),
    ] {
        check(
            &format!("--advertise {url}"),
            &format!(
                "invalid value '{shown}' for '--advertise <URL>': must be a URL of a scheme, a \
                 host and a port alone, as in https://coordinator.example.com:7443"
            ),
        );
    }
    for (pair, why) in [
        ("eu", "must be HOST=REGION, as in registry.example.com=eu"),
        (
            "a/b=eu",
            "`a/b` is no registry host: a host name or address with an optional port, without \
             scheme or path",
        ),
        ("r.example=EU", "`EU` is no region: 1 to 32 of a-z, 0-9 and -"),
    ] {
        check(
            &format!("--region-for {pair}"),
            &format!("invalid value '{pair}' for '--region-for <HOST=REGION>': {why}"),
        );
    }
    check(
        "--schedule-timeout 0s",
        "invalid value '0s' for '--schedule-timeout <DURATION>': must be greater than 0",
    );
    check(
        "--listen localhost",
        "invalid value 'localhost' for '--listen <ADDRESS>': invalid socket address syntax",
    );
    check("--tls-cert c.pem", &format!("{required}--tls-key <FILE>"));
    check("--client-ca c.pem", &format!("{required}--tls-key <FILE> --tls-cert <FILE>"));
    check("--nats-key k.pem", &format!("{required}--nats-cert <FILE>"));
    check(
        "--nats-creds a --nats-nkey b",
        "the argument '--nats-creds <FILE>' cannot be used with '--nats-nkey <FILE>'",
    );
    check(
        "--log-level loud",
        "invalid value 'loud' for '--log-level <error|warn|info|debug|trace>' [possible values: \
         error, warn, info, debug, trace]",
    );
    let nats = "invalid value";
    for url in ["n:4222", "http://n", "nats://n,", "nats://n/path"] {
        refused(
            &format!("coordinator --nats {url}"),
            &format!(
                "{nats} '{url}' for '--nats <URL[,URL]>': must be URLs such as \
                 nats://nats.example.com:4222, separated by commas"
            ),
        );
    }
    refused(
        "coordinator --nats nats://me:secret@n",
        "invalid value 'nats://…@n' for '--nats <URL[,URL]>': must hold no user or \
         password: they belong into --nats-creds or --nats-nkey",
    );
}

#[test]
fn a_bad_value_of_the_worker_is_one_line() {
    let check = |more: &str, expected: &str| refused(&format!("{WORKER} {more}"), expected);
    refused(
        "worker --nats nats://n",
        "the following required arguments were not provided: --coordinator <URL[,URL]>",
    );
    check(
        "--region Europe",
        "invalid value 'Europe' for '--region <REGION>': `Europe` is no region: 1 to 32 of a-z, \
         0-9 and -",
    );
    check(
        "--concurrency 0",
        "invalid value '0' for '--concurrency <N>': must be a number greater than 0, at most 4294967295",
    );
    for prefix in ["https://r.example", "r.example/", "r.example/Team", "/team"] {
        check(
            &format!("--allow-destination {prefix}"),
            &format!(
                "invalid value '{prefix}' for '--allow-destination <PREFIX>': must be a host or \
                 the beginning of a repository, as in registry.example.com/team"
            ),
        );
    }
    for prefix in ["a b", "a.", ".", "a.*", ">"] {
        let line = ["--nats-inbox-prefix", prefix];
        let words = ["flux-mirror"].into_iter().chain(WORKER.split(' ')).chain(line);
        let error = program(&|_| None).try_get_matches_from(words).unwrap_err();
        let expected = format!(
            "invalid value '{prefix}' for '--nats-inbox-prefix <PREFIX>': must be letters, \
             digits, _ and -, in parts separated by dots"
        );
        assert_eq!(one_line(&error), expected);
    }
    check(
        "--client-cert c.pem",
        "the following required arguments were not provided: --client-key <FILE>",
    );
}

#[test]
fn what_needs_a_fleet_says_so() {
    let missing = "the following required arguments were not provided: --coordinator <URL[,URL]>";
    refused("sync mirror.yaml --detach", missing);
    refused("sync mirror.yaml --idempotency-key k", missing);
    refused("runs list", missing);
    for key in ["ä", "ö", &"x".repeat(256)] {
        refused(
            &format!("sync mirror.yaml --coordinator http://c --idempotency-key {key}"),
            &format!(
                "invalid value '{key}' for '--idempotency-key <KEY>': must be 1 to 255 printable \
                 ASCII characters without a blank"
            ),
        );
    }
    for run in ["x", "../x", "01JZ8Q4T7M3V5X9B2C6D8E0F1", "ZZZZZZZZZZZZZZZZZZZZZZZZZZ"] {
        refused(
            &format!("runs get {run} --coordinator http://c"),
            &format!(
                "invalid value '{run}' for '<RUN>': must be the id of a run, as in \
                 01JZ8Q4T7M3V5X9B2C6D8E0F1G"
            ),
        );
    }
}

#[test]
fn defaults_are_those_of_the_help() {
    let flags = coordinator("");
    assert_eq!(flags.listen.to_string(), "127.0.0.1:7443");
    assert_eq!((flags.replicas, flags.beat.to_string()), (1, "4s".to_owned()));
    assert_eq!(flags.schedule_timeout.to_string(), "10m0s");
    assert_eq!(flags.process.log_level, LogLevel::Info);
    let flags = worker("");
    assert_eq!((flags.region.to_string(), flags.concurrency.get()), ("default".to_owned(), 4));
    assert_eq!(flags.drain_timeout.to_string(), "5m30s");
    assert_eq!(flags.nats_inbox_prefix, None);
    let flags = sync("");
    assert_eq!((flags.concurrency, flags.coordinator.len(), flags.detach), (None, 0, false));
}

#[test]
fn lists_are_separated_by_commas_or_repeated() {
    let flags = coordinator("--region-for a.example=eu,b.example=us --region-for c.example=eu");
    let regions: Vec<String> =
        flags.region_for.iter().map(|(host, region)| format!("{host}={region}")).collect();
    assert_eq!(regions, ["a.example=eu", "b.example=us", "c.example=eu"]);
    let flags = worker("--allow-destination r.example/team,index.docker.io --allow-destination x");
    assert_eq!(flags.allow_destination, ["r.example/team", "docker.io", "x"]);
    let flags = sync("--coordinator http://a:1/,https://b");
    assert_eq!(flags.coordinator, ["http://a:1", "https://b"]);
}

#[test]
fn every_flag_that_may_be_repeated_takes_a_list() {
    fn repeatable(program: &Program, lists: &mut Vec<String>) {
        for argument in program.get_arguments() {
            if matches!(argument.get_action(), clap::ArgAction::Append) {
                let name = format!("{} --{}", program.get_name(), argument.get_id());
                assert_eq!(argument.get_value_delimiter(), Some(','), "{name}");
                lists.push(name);
            }
        }
        program.get_subcommands().for_each(|program| repeatable(program, lists));
    }
    let mut lists = Vec::new();
    repeatable(&program(&|_| None), &mut lists);
    assert!(lists.contains(&"login --host".to_owned()), "{lists:?}");
}

/// The environment is read by clap itself, so what is tried here is that an empty variable is left
/// out before it looks.
#[test]
fn a_variable_that_is_empty_is_unset() {
    let variable = |environment: &dyn Fn(&str) -> Option<String>| {
        let program = program(environment);
        let worker = program.find_subcommand("worker").unwrap();
        let region = worker.get_arguments().find(|argument| argument.get_id() == "region").unwrap();
        region.get_env().map(|name| name.to_str().unwrap().to_owned())
    };
    let name = "FLUX_MIRROR_REGION";
    assert_eq!(variable(&|_| None).as_deref(), Some(name));
    assert_eq!(variable(&|_| Some("eu".to_owned())).as_deref(), Some(name));
    assert_eq!(variable(&|_| Some(String::new())), None);
}

#[test]
fn every_flag_of_a_process_has_the_variable_of_its_name() {
    let program = program(&|_| None);
    for name in ["coordinator", "worker"] {
        let command = program.find_subcommand(name).unwrap();
        for argument in command.get_arguments() {
            let Some(flag) = argument.get_long() else { continue };
            if ["help", "timeout", "no-envsubst"].contains(&flag) {
                continue;
            }
            let expected = format!("FLUX_MIRROR_{}", flag.to_uppercase().replace('-', "_"));
            let variable = argument.get_env().map(|name| name.to_str().unwrap().to_owned());
            assert_eq!(variable, Some(expected), "{name} --{flag}");
        }
    }
}

#[test]
fn the_program_is_in_order() {
    program(&|_| None).debug_assert();
}

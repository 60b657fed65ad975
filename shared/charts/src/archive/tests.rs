//! Archives, right ones and broken ones, byte by byte.

mod build;

use proptest::prelude::*;

use self::build::{Build, gzip, header, signed};
use super::*;

const CHART: &str = "name: app\nversion: 1.0.0\n";

fn chart() -> Build {
    Build::default().file("app/Chart.yaml", CHART)
}

#[test]
fn the_files_of_the_top_folder_are_kept_and_no_others() {
    let archive = Build::default()
        .entry("app/", b'5', "")
        .file("app/values.yaml", "a: 1")
        .file("app/charts/redis/Chart.yaml", "name: redis")
        .file("app/Chart.yaml", CHART)
        .file("app/requirements.yaml", "dependencies: []")
        .link("app/README.md", b'2', "docs/README.md")
        .link("app/templates/x", b'2', "../values.yaml")
        .link("app/copy", b'1', "app/values.yaml")
        .packed();
    let Contents { chart, requirements } = read(&archive).unwrap();
    assert_eq!(chart, CHART.as_bytes());
    assert_eq!(requirements.unwrap(), b"dependencies: []");
}

/// Ways to write the name of a chart's Chart.yaml that Helm reads.
#[test]
fn names_are_read_as_go_reads_them() {
    let long = format!("{}/Chart.yaml", "a".repeat(120));
    let mut prefixed = header("Chart.yaml", b'0', CHART.len());
    prefixed[345..348].copy_from_slice(b"app");
    let mut star = header("Chart.yaml", b'0', CHART.len());
    star[345..348].copy_from_slice(b"app");
    star[476..480].copy_from_slice(b"time");
    star[508..512].copy_from_slice(b"tar\0");
    let mut gnu = header("app/Chart.yaml", b'0', CHART.len());
    gnu[257..265].copy_from_slice(b"ustar  \0");
    gnu[345..356].copy_from_slice(b"14575230640");
    let mut oldest = header("app/Chart.yaml", 0, CHART.len());
    oldest[257..265].fill(0);
    oldest[100..107].copy_from_slice(b"0100644");
    let mut binary = header("app/Chart.yaml", b'0', 0);
    binary[124..135].fill(0);
    binary[124] = 0x80;
    binary[135] = u8::try_from(CHART.len()).unwrap();
    let with = |block| Build::default().block(&signed(block)).data(CHART.as_bytes());
    for build in [
        chart(),
        Build::default().file("other/Chart.yaml", CHART),
        Build::default().file("app/.//Chart.yaml", CHART),
        chart().file("app/templates//x", "").entry("app//", b'5', "").entry("app//x/", b'5', ""),
        Build::default().file("app\\Chart.yaml", CHART),
        Build::default().pax("path", "app/Chart.yaml").file("x/y", CHART),
        Build::default().pax("path", &long).file("x/y", CHART),
        Build::default()
            .pax("size", &CHART.len().to_string())
            .block(&header("app/Chart.yaml", b'0', 0))
            .data(CHART.as_bytes()),
        Build::default().entry("long", b'L', &format!("{long}\0")).file("x/y", CHART),
        Build::default().entry("all", b'g', "18 path=app/other\n").file("app/Chart.yaml", CHART),
        with(prefixed),
        with(star),
        with(gnu),
        with(oldest),
        with(binary),
    ] {
        let tar = build.0.clone();
        assert_eq!(read(&build.packed()).unwrap().chart, CHART.as_bytes(), "{tar:?}");
    }
}

/// Go bars NUL from names alone: some write binary values.
#[test]
fn records_may_hold_bytes_of_any_kind() {
    let archive = chart().pax("SCHILY.xattr.user.x", "a\0b").file("app/x", "").packed();
    assert_eq!(read(&archive).unwrap().chart, CHART.as_bytes());
}

#[test]
fn an_archive_may_come_in_parts_and_without_an_end() {
    let tar = chart().file("app/values.yaml", "a: 1").0;
    let parts = [gzip(&tar[..100]), gzip(&tar[100..])].concat();
    assert_eq!(read(&parts).unwrap().chart, CHART.as_bytes());
}

/// Every broken archive, and what is said of it.
#[track_caller]
fn check(archive: &[u8], expected: &str) {
    let error = read(archive).unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn what_is_no_archive_is_named() {
    let whole = chart().file("app/values.yaml", &"abc ".repeat(500)).packed();
    check(b"", "it is empty");
    check(b"<!DOCTYPE html>", "it is no gzip, but looks like a web page");
    check(b"  <html>", "looks like a web page");
    check(b"{\"error\": 404}", "it is no gzip, but looks like JSON");
    check(b"PK\x03\x04", "a zip");
    check(&chart().0, "a tar: something on the way has unpacked it");
    check(b"name: app", "it is no gzip");
    check(&whole[..whole.len() / 2], "it is cut off");
    check(&whole[..whole.len() - 1], "it is cut off");
    check(&whole[..15], "it is cut off");
    let mut wrong = whole.clone();
    let crc = wrong.len() - 6;
    wrong[crc] ^= 1;
    check(&wrong, "it does not unpack");
    for rest in [&b"more than a header"[..], b"\n", b"\x1f", &[0; 512]] {
        let expected = "something follows after the end of its gzip";
        check(&[&whole, rest].concat(), expected);
        check(&[&gzip(b""), rest].concat(), expected);
    }
    check(&[&whole, &b"\x1f\x8b"[..]].concat(), "it is cut off");
    check(&gzip(b""), "it is empty");
    check(&gzip(&[0; 1024]), "it is empty");
    check(&gzip(b"no tar at all"), "it is cut off");
    check(&gzip(&[b'x'; 512]), "entry 1 of its tar has no header");
    check(&gzip(&chart().0[..600]), "it is cut off");
}

#[test]
fn archives_that_come_to_too_much_are_refused() {
    let zeros = "\0".repeat(11 << 20);
    check(&chart().file("app/zeros", &zeros).packed(), "more than 200 times its size");
    let large = Build::default().file("app/Chart.yaml", &zeros).packed();
    check(&large, "its Chart.yaml is larger than 10 MiB");
    let mut noise = Vec::new();
    let mut state = 1_u32;
    noise.resize_with(1 << 20, || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let packed_badly = chart().block(&header("app/noise", b'0', noise.len())).data(&noise);
    let endless = packed_badly.block(&header("app/long", b'L', 2 << 20)).packed();
    check(&endless, "says more than 1 MiB of another");
    let many =
        (0..10_000).fold(chart(), |build, at| build.block(&header(&format!("app/{at}"), b'0', 0)));
    check(&many.packed(), "more than 10000 entries");
}

#[test]
fn paths_that_no_chart_needs_are_refused() {
    let file = |name: &str| chart().file(name, "x").packed();
    check(&file("../etc/passwd"), "its path `../etc/passwd` climbs");
    check(&file("app/../../x"), "climbs");
    check(&file("app/templates/../x"), "climbs");
    check(&file("app\\..\\x"), "climbs");
    check(&file("app/..data"), "begins with two dots");
    check(&file("/etc/passwd"), "is absolute");
    check(&file("\\x"), "is absolute");
    check(&file("app//etc/passwd"), "its path `app//etc/passwd` is absolute in its folder");
    check(&file("app\\\\x"), "is absolute in its folder");
    check(&file("app\\/x"), "is absolute in its folder");
    check(&Build::default().file("app//Chart.yaml", CHART).packed(), "is absolute in its folder");
    check(&chart().link("app//x", b'2', "y").packed(), "is absolute in its folder");
    check(&file("C:/x"), "names a drive");
    check(&file("app/c:/x"), "names a drive");
    check(&file("README.md"), "lies outside the chart's folder");
    check(&file("app/."), "lies outside the chart's folder");
    check(&file("a\u{1b}/../b"), "its path `a\\u{1b}/../b` climbs");
    check(&chart().pax("path", "../x").file("app/y", "").packed(), "climbs");
    check(&chart().entry("", b'L', "../x").file("app/y", "").packed(), "climbs");
    check(&chart().entry("../x/", b'5', "").packed(), "climbs");
    check(&chart().link("app/x", b'2', "../../etc/passwd").packed(), "climbs");
    check(&chart().link("app/x", b'2', "/etc/passwd").packed(), "`/etc/passwd` is absolute");
    check(&chart().link("app/x", b'1', "../x").packed(), "climbs");
    check(&chart().pax("linkpath", "/x").link("app/x", b'2', "y").packed(), "is absolute");
    check(&chart().link("app/null", b'3', "").packed(), "is a device");
    check(&chart().link("app/pipe", b'6', "").packed(), "is a device");
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    const BETWEEN: &str = "stands between another and what says something of it";
    let chart_as = |flag| Build::default().link("app/Chart.yaml", flag, "other.yaml").packed();
    check(&chart_as(b'2'), "its Chart.yaml is no file, but a symbolic link");
    check(&Build::default().link("app/Chart.yaml", b'1', "app/x").packed(), "but a hard link");
    check(
        &chart().link("app/requirements.yaml", b'2', "x").packed(),
        "its requirements.yaml is no file",
    );
    check(&chart().file("app/Chart.yaml", CHART).packed(), "it has two Chart.yaml");
    check(&chart().file("other/Chart.yaml", CHART).packed(), "it has two Chart.yaml");
    check(&chart().file("app/./Chart.yaml", CHART).packed(), "it has two Chart.yaml");
    let twice = chart().file("app/requirements.yaml", "").file("b/requirements.yaml", "");
    check(&twice.packed(), "it has two requirements.yaml");
    check(
        &Build::default().file("app/values.yaml", "").packed(),
        "it has no Chart.yaml in its top folder",
    );
    check(&Build::default().file("./app/Chart.yaml", CHART).packed(), "it has no Chart.yaml");
    check(&Build::default().file("app/chart.yaml", CHART).packed(), "it has no Chart.yaml");
    check(&Build::default().entry("app/Chart.yaml/", b'5', "").packed(), "it has no Chart.yaml");
    check(&Build::default().file("Chart.yaml", CHART).packed(), "lies outside the chart's folder");
    let mut folder = header("app/Chart.yaml", b'0', 0);
    folder[100..107].copy_from_slice(b"0040755");
    check(&chart().block(&signed(folder)).packed(), "is of two kinds at once");
    check(&chart().entry("app/x", b'S', "").packed(), "is a sparse file");
    check(&chart().pax("GNU.sparse.name", "app/y").file("app/x", "").packed(), "is a sparse file");
    check(&chart().entry("app/x", b'V', "").packed(), "of a kind that no chart has");
    check(
        &chart().entry("x", b'x', "99 path=app/y\n").file("app/x", "").packed(),
        "records that cannot be read",
    );
    check(&chart().pax("size", "-1").file("app/x", "").packed(), "has no size");
    let mut size = header("app/x", b'0', 0);
    size[124..135].copy_from_slice(b"99999999999");
    check(&chart().block(&signed(size)).packed(), "has no size");
    let mut negative = header("app/x", b'0', 0);
    negative[124..136].fill(0xff);
    check(&chart().block(&signed(negative)).packed(), "has no size");
    let mut sum = header("app/x", b'0', 0);
    sum[0] = b'b';
    check(&chart().block(&sum).packed(), "entry 2 of its tar has no header");
    check(&chart().block(&[0; 512]).file("app/x", "").packed(), "follows an empty block");
    // Go forgets at a global header what was said before it, so that it would see another name.
    let global = |build: Build| build.entry("all", b'g', "18 comment=x=y=z=\n");
    check(&global(chart().pax("path", "app/y")).file("app/x", "").packed(), BETWEEN);
    check(&global(chart().pax("linkpath", "y")).link("app/x", b'2', "z").packed(), BETWEEN);
    check(&global(chart().pax("size", "512")).file("app/x", "").packed(), BETWEEN);
    check(&global(chart().entry("", b'L', "app/y")).file("app/x", "").packed(), BETWEEN);
    check(&global(chart().entry("", b'K', "y")).link("app/x", b'2', "z").packed(), BETWEEN);
    for key in ["path", "linkpath", "uname", "gname", "x\0y"] {
        let build = chart().pax(key, "app/y\0").file("app/x", "");
        check(&build.packed(), "records that cannot be read");
    }
    let hidden = chart().data(&[0; 1024]).file("app/x", "");
    check(&hidden.packed(), "something follows after the end of its tar");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = read(&bytes);
        let _ = read(&gzip(&bytes));
    }

    /// A good archive with bytes changed in it, or cut, is read or refused.
    #[test]
    fn reading_what_was_an_archive_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        resum in any::<bool>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut tar = chart()
            .pax("path", "app/values.yaml")
            .file("x", "a: 1")
            .entry("long", b'L', "app/readme")
            .link("app/x", b'2', "y")
            .file("app/requirements.yaml", "")
            .0;
        for (at, byte) in changes {
            let at = at.index(tar.len());
            tar[at] = byte;
            if resum {
                let start = at / 512 * 512;
                let block: [u8; 512] = tar[start..start + 512].try_into().unwrap();
                tar[start..start + 512].copy_from_slice(&signed(block));
            }
        }
        let _ = read(&gzip(&tar));
        let _ = read(&gzip(&tar)[..cut.index(200)]);
    }
}

//! Several writers of one layout: tasks, handles, processes.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;

use super::*;
use crate::lock::{LOCK, LOCK_WAIT};

/// Holds a layout's lock, as another process would.
fn hold(path: &Path) -> File {
    let file = File::create(path.join(LOCK)).unwrap();
    file.lock().unwrap();
    file
}

#[tokio::test]
async fn tags_that_wait_are_written_at_once() {
    let (_folder, path, layout) = nowhere();
    let manifest = put_image(&layout, "first", b"layer").await;
    let held = hold(&path);
    let tags: Vec<Tag> = (0..50).map(|at| tag(&format!("t{at}"))).collect();
    let mut waiting: FuturesUnordered<_> =
        tags.iter().map(|tag| layout.set_tag(tag, &manifest)).collect();
    while layout.waiting() < tags.len() {
        let early = tokio::time::timeout(Duration::from_millis(10), waiting.next()).await;
        assert!(early.is_err(), "nothing is written while another holds the lock");
    }
    assert_eq!(at(&path).tags().await.unwrap().len(), 1);

    drop(held);
    waiting.next().await.unwrap().unwrap();
    assert_eq!(at(&path).tags().await.unwrap().len(), 51, "the first writing has them all");
    assert!(waiting.all(async |result| result.is_ok()).await);
    assert_eq!(check_whole(&layout).await.len(), 51);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_write_and_nothing_is_lost() {
    let (_folder, path, layout) = nowhere();
    let other = at(&path);
    let reading = tokio::spawn(async move {
        // Whoever reads meanwhile finds a whole index each time, or none yet.
        loop {
            match at(&path).tags().await {
                Ok(tags) if tags.len() == 40 => return,
                Ok(_) => {}
                Err(error) => assert!(error.is_absent(), "{error}"),
            }
        }
    });
    let writings = (0..40).map(|at| {
        let layout = if at % 2 == 0 { layout.clone() } else { other.clone() };
        tokio::spawn(async move {
            let layer = format!("layer {}", at % 5);
            put_image(&layout, &format!("t{at}"), layer.as_bytes()).await;
            assert!(layout.resolve(&tag(&format!("t{at}"))).await.unwrap().is_some());
        })
    });
    for writing in join_all(writings).await {
        writing.unwrap();
    }
    reading.await.unwrap();
    assert_eq!(check_whole(&layout).await.len(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_never_let_go_is_an_error() {
    let (_folder, path, layout) = nowhere();
    let manifest = put_image(&layout, "1", b"layer").await;
    let held = hold(&path);
    let begin = tokio::time::Instant::now();
    let (two, three) = (tag("2"), tag("3"));
    let (one, another) =
        tokio::join!(layout.set_tag(&two, &manifest), layout.set_tag(&three, &manifest));
    for error in [one.unwrap_err(), another.unwrap_err()] {
        assert!(error.to_string().ends_with("was held by others for 30s"), "{error}");
    }
    assert!(begin.elapsed() <= LOCK_WAIT, "both wait at the same time");
    drop(held);
    put_image(&layout, "4", b"layer").await;
    assert_eq!(check_whole(&layout).await, ["1", "4"], "nobody waits for 2 and 3 any more");
}

#[tokio::test]
async fn a_commit_that_fails_is_only_the_failure_of_who_tried() {
    let (_folder, path, layout) = nowhere();
    let manifest = put_image(&layout, "1", b"layer").await;
    let index = std::fs::read(path.join("index.json")).unwrap();
    std::fs::write(path.join("index.json"), "{").unwrap();
    let held = hold(&path);
    let tags = [tag("2"), tag("3")];
    let mut waiting: FuturesUnordered<_> =
        tags.iter().map(|tag| layout.set_tag(tag, &manifest)).collect();
    let _ = tokio::time::timeout(Duration::from_millis(100), waiting.next()).await;
    drop(held);
    let error = waiting.next().await.unwrap().unwrap_err();
    assert!(matches!(error, LayoutError::Json { .. }), "{error}");
    std::fs::write(path.join("index.json"), index).unwrap();
    let other = waiting.next().await.unwrap();
    let tags = check_whole(&layout).await;
    assert_eq!(tags.len(), 1 + usize::from(other.is_ok()), "{tags:?}");
}

/// What the writers in processes of their own look for in the folder that they are run in.
const WANTED: &str = "writer-wanted";
/// How many tags each of them sets.
const WRITTEN: usize = 60;

/// Runs [`writer`] in a process of its own, in the folder beside the layout.
fn run_writer(folder: &Path, name: &str) -> Child {
    std::fs::write(folder.join(WANTED), name).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "tests::together::writer", "--ignored", "--nocapture"]);
    command.args(["--test-threads", "1"]).current_dir(folder);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// Waits until a writer has read its name and goes about its work.
async fn begun(folder: &Path) {
    let mut tries = 0;
    while folder.join(WANTED).exists() {
        assert!(tries < 3000, "the writer does not begin");
        tries += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
#[ignore = "run by the tests below, in a process and a folder of its own"]
async fn writer() {
    let folder = std::env::current_dir().unwrap();
    let Ok(name) = std::fs::read_to_string(folder.join(WANTED)) else { return };
    std::fs::remove_file(folder.join(WANTED)).unwrap();
    let layout = at(&folder.join("some/where"));
    for at in 0..WRITTEN {
        let layer = vec![u8::try_from(at).unwrap(); 300_000];
        put_image(&layout, &format!("{name}{at}"), &layer).await;
    }
}

#[tokio::test]
async fn processes_heed_each_other() {
    let (folder, _, layout) = nowhere();
    let mut one = run_writer(folder.path(), "a");
    begun(folder.path()).await;
    let mut two = run_writer(folder.path(), "b");
    begun(folder.path()).await;
    for at in 0..WRITTEN {
        put_image(&layout, &format!("c{at}"), b"layer").await;
    }
    assert!(one.wait().unwrap().success() && two.wait().unwrap().success());
    assert_eq!(check_whole(&layout).await.len(), 3 * WRITTEN);
}

#[tokio::test]
async fn a_process_that_is_killed_leaves_a_valid_layout() {
    let (folder, path, layout) = nowhere();
    put_image(&layout, "first", b"layer").await;
    for round in 0..6 {
        let mut writer = run_writer(folder.path(), &format!("round{round}-"));
        begun(folder.path()).await;
        tokio::time::sleep(Duration::from_millis(7 * round)).await;
        writer.kill().unwrap();
        writer.wait().unwrap();
        check_whole(&at(&path)).await;
    }
    let begin = tokio::time::Instant::now();
    put_image(&at(&path), "last", b"layer").await;
    assert!(begin.elapsed() < LOCK_WAIT, "a lock does not outlive its process");
    assert!(check_whole(&layout).await.ends_with(&["last".to_owned()]));
}

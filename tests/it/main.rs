//! Integration tests: one binary, a file per subject, through the built program and public doors.

mod auth;
mod cli;
mod examples;
mod faults;
mod habits;
mod judges;
mod layers;
mod layouts;
mod limits;
mod output;
mod quickstart;
mod real;
mod requests;
mod scale;
mod schemas;
mod threats;
mod transfers;

//! Bare statements by the driver that the core uses: reads on two connections that many share, writes on as
//! many connections as the core has.

use super::statement::{Argument, Arguments, texts, writes};
use super::{Cost, Floor};
use crate::cpu::{self, Snapshot};
use crate::paths::Users;
use std::collections::HashMap;
use std::rc::Rc;
use tokio::runtime::Runtime;
use tokio::task::{JoinSet, LocalSet};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Statement};

const WRITERS: usize = 10;
const READERS: usize = 2;
const READS_IN_FLIGHT: usize = 16;

/// Connections of one thread.
pub(crate) struct Postgres {
    runtime: Runtime,
    tasks: LocalSet,
    clients: Vec<Rc<Client>>,
    prepared: HashMap<(Floor, usize), Statement>,
    arguments: Arguments,
    server: i32,
}

impl Postgres {
    /// `server` is the process of which the others are children.
    pub(crate) fn open(url: &str, server: i32, users: Users) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (tasks, mut clients) = (LocalSet::new(), Vec::new());
        for _ in 0..WRITERS {
            let (client, connection) = runtime.block_on(tokio_postgres::connect(url, NoTls)).unwrap();
            tasks.spawn_local(connection);
            clients.push(Rc::new(client));
        }
        let (prepared, arguments) = (HashMap::new(), Arguments::new(users));
        let mut floors = Self { runtime, tasks, clients, prepared, arguments, server };
        floors.measure(Floor::InsertSession);
        floors
    }

    /// As the server does by itself once a minute: with old statistics it takes wrong indexes.
    pub(crate) fn vacuum(&self) {
        self.tasks.block_on(&self.runtime, self.clients[0].batch_execute("vacuum analyze")).unwrap();
    }

    pub(crate) fn measure(&mut self, floor: Floor) -> Cost {
        let number = if writes(floor) { 1000 } else { 3000 };
        let number = if floor == Floor::ListUsers { 200 } else { number };
        let lanes = if writes(floor) { WRITERS } else { READS_IN_FLIGHT };
        let connections = if writes(floor) { WRITERS } else { READERS };
        let mut work: Vec<Vec<Vec<Argument>>> = vec![Vec::new(); lanes];
        for at in 0..number {
            work[at % lanes].push(self.arguments.next(floor));
        }
        self.prepare(floor, connections);
        let before = (cpu::of_thread(), Snapshot::of(self.server));
        self.tasks.block_on(&self.runtime, async {
            let mut running = JoinSet::new();
            for (lane, work) in work.into_iter().enumerate() {
                let client = Rc::clone(&self.clients[lane % connections]);
                let statement = self.prepared[&(floor, lane % connections)].clone();
                running.spawn_local(async move {
                    for arguments in work {
                        client.query(&statement, &references(&arguments)).await.unwrap();
                    }
                });
            }
            while let Some(ended) = running.join_next().await {
                ended.unwrap();
            }
        });
        let core = cpu::of_thread().saturating_sub(before.0);
        Cost::each(core, Snapshot::of(self.server).since(&before.1), number)
    }

    fn prepare(&mut self, floor: Floor, connections: usize) {
        let text = texts(floor, true)[0];
        for at in 0..connections {
            let prepare = self.clients[at].prepare(text);
            let (tasks, runtime) = (&self.tasks, &self.runtime);
            self.prepared.entry((floor, at)).or_insert_with(|| tasks.block_on(runtime, prepare).unwrap());
        }
    }
}

fn references(arguments: &[Argument]) -> Vec<&(dyn ToSql + Sync)> {
    arguments.iter().map(reference).collect()
}

fn reference(argument: &Argument) -> &(dyn ToSql + Sync) {
    match argument {
        Argument::Text(text) => text,
        Argument::Int(number) => number,
    }
}

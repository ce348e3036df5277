//! The thread that checks servers.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::reason;
use mio::event::Event;
use mio::{Events, Poll};
use system::child;

use super::findings::Times;
use super::speech::Finding;
use super::subject::{self, Fate, Subject};
use super::task::{Number, Step, Task, UnderWay};
use crate::engine::health::schedule::{Errand, Lane, Limits, Schedule};
use crate::engine::time::Tick;
use crate::net::attendant::{Duty, WAKER};
use crate::settings::{Service, ServiceIndex, Settings};
use crate::shared::Shared;

/// How many may be under way at a time.
const LIMITS: Limits = Limits { sockets: 256, programs: 16 };
/// Room for one read.
const READ: usize = 16 * 1024;
/// A program that writes a lot is heard again after this time, and so cannot keep the thread busy.
const PAUSE: Duration = Duration::from_millis(10);
/// If the thread was away for longer than it meant to, by as much, then what is late may be late because of that.
const OVERSLEPT: Duration = Duration::from_secs(1);
/// That pen lacks something for checks is said once in so much time.
const SHORTAGE_NEWS: Duration = Duration::from_mins(1);
/// How long the thread's end waits for that of the programs that it has killed.
const LAST_RITES: Duration = Duration::from_secs(1);

/// The thread's state.
pub struct Monitor {
    poll: Poll,
    shared: Arc<Shared>,
    /// `None`: none were looked at yet.
    settings: Option<Arc<Settings>>,
    subjects: BTreeMap<Errand, Subject>,
    schedule: Schedule,
    under_way: HashMap<usize, UnderWay>,
    latest_number: usize,
    /// When to look at whom: to give it up, or before that to remind it.
    deadlines: BTreeSet<(Tick, usize)>,
    /// Who has more to say than was heard, and when to go on with that.
    unheard: BTreeSet<(Tick, usize)>,
    /// When the log said last that pen lacks something.
    shortage_told: Option<Tick>,
    scratch: Box<[u8]>,
}

impl Duty for Monitor {
    const NAME: &'static str = "checks";
    const WORK: &'static str = "check servers";

    fn is_wanted(service: &Service) -> bool {
        subject::is_tested(service)
    }

    fn run(poll: Poll, shared: Arc<Shared>, ending: &AtomicBool) {
        Monitor::new(poll, shared).watch(ending);
    }
}

impl Monitor {
    fn new(poll: Poll, shared: Arc<Shared>) -> Monitor {
        Monitor {
            poll,
            shared,
            settings: None,
            subjects: BTreeMap::new(),
            schedule: Schedule::new(LIMITS),
            under_way: HashMap::new(),
            latest_number: 0,
            deadlines: BTreeSet::new(),
            unheard: BTreeSet::new(),
            shortage_told: None,
            scratch: vec![0; READ].into_boxed_slice(),
        }
    }

    fn watch(mut self, ending: &AtomicBool) {
        let mut events = Events::with_capacity(1024);
        while !ending.load(Ordering::Acquire) {
            let now = self.shared.now();
            self.follow_settings(now);
            self.begin_due(now);
            let until = self.next_turn();
            self.wait(&mut events, until);
            let now = self.shared.now();
            for event in &events {
                self.dispatch(event, now);
            }
            self.go_on(now);
            // What has arrived meanwhile counts, and was dealt with.
            let overslept = until.is_some_and(|until| now.since(until) > OVERSLEPT);
            self.end_overdue(now, overslept);
        }
        self.leave(&mut events);
    }

    /// Forgets who is not asked any more, and looks who else is.
    fn follow_settings(&mut self, now: Tick) {
        let settings = self.shared.settings.load_full();
        if self.settings.as_ref().is_some_and(|known| Arc::ptr_eq(known, &settings)) {
            return;
        }
        let wanted = subject::wanted(&settings);
        let mut cancelled = HashSet::new();
        for (errand, subject) in &self.subjects {
            match wanted.get(errand).map(|now| subject.fate(now)) {
                Some(Fate::Stays) => continue,
                Some(Fate::Moved) => {}
                Some(Fate::Changed) | None => subject.forget(now),
            }
            self.schedule.forget(errand);
            cancelled.insert(*errand);
        }
        let under_way = self.under_way.iter();
        let cancelled: Vec<usize> =
            under_way.filter(|(_, one)| cancelled.contains(&one.errand)).map(|(number, _)| *number).collect();
        for number in cancelled {
            self.cancel(number, now);
        }
        let manners = wanted.iter().map(|(errand, subject)| (*errand, subject.manner())).collect();
        self.schedule.follow(&manners, now);
        self.subjects = wanted;
        self.settings = Some(settings);
    }

    fn begin_due(&mut self, now: Tick) {
        while let Some(errand) = self.schedule.next(now) {
            self.begin(errand, now);
        }
    }

    fn begin(&mut self, errand: Errand, now: Tick) {
        let service = service(self.settings.as_deref(), &errand);
        let (Some(subject), Some(service)) = (self.subjects.get(&errand), service) else {
            return self.schedule.ended(&errand, now);
        };
        if subject.manner().lane == Lane::Program {
            self.bury_strangers();
        }
        self.latest_number += 1;
        let number = self.latest_number;
        match Task::begin(subject, service, &self.shared, self.poll.registry(), Number(number)) {
            Ok(task) => {
                let timeout = Duration::from_secs(subject.pace().timeout.into());
                let deadline = now.plus(timeout);
                let look = if matches!(task, Task::Query(_)) { now.plus(timeout / 2) } else { deadline };
                self.deadlines.insert((look, number));
                self.under_way.insert(number, UnderWay { errand, begun: now, deadline, task });
            }
            Err(finding) => {
                if finding == Finding::Shortage {
                    self.tell_shortage(now);
                }
                self.take_in(&errand, &finding, Times { took: Duration::ZERO, now });
            }
        }
    }

    /// Says that checks wait for want of something, now and then as long as that lasts.
    fn tell_shortage(&mut self, now: Tick) {
        if self.shortage_told.is_none_or(|told| now.since(told) >= SHORTAGE_NEWS) {
            self.shortage_told = Some(now);
            log::warn!("checks of servers wait: pen lacks descriptors, ports, processes or memory for them");
        }
    }

    /// What earlier programs have left behind, if that falls to pen.
    fn bury_strangers(&self) {
        child::bury_strangers(|pid| self.under_way.values().any(|one| one.task.is_process(pid)));
    }

    /// When there is something to do, whatever the poll says; `None`: never.
    fn next_turn(&self) -> Option<Tick> {
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        let unheard = self.unheard.first().map(|(at, _)| *at);
        deadline.into_iter().chain(unheard).chain(self.schedule.poll_timeout()).min()
    }

    fn wait(&mut self, events: &mut Events, until: Option<Tick>) {
        let patience = until.map(|until| until.since(self.shared.now()));
        if let Err(error) = self.poll.poll(events, patience)
            && error.kind() != ErrorKind::Interrupted
        {
            log::error!("cannot wait for events: {}", reason(&error));
        }
    }

    fn dispatch(&mut self, event: &Event, now: Tick) {
        if event.token() == WAKER {
            return;
        }
        let (number, is_end) = Number::of(event.token());
        // One that is heard again later anyway does not hasten that by saying still more.
        if !is_end && self.unheard.iter().any(|(_, other)| *other == number) {
            return;
        }
        let Some(one) = self.under_way.get_mut(&number) else { return };
        if let Task::Dying(program) = &mut one.task {
            if program.is_buried() {
                self.close(number, now);
            }
            return;
        }
        let step = one.task.progress(event, is_end, &mut self.scratch);
        self.take_step(number, step, now);
    }

    /// Goes on with what could not be heard at one go.
    fn go_on(&mut self, now: Tick) {
        let due: Vec<usize> =
            self.unheard.iter().take_while(|(at, _)| *at <= now).map(|(_, number)| *number).collect();
        self.unheard.retain(|(at, _)| *at > now);
        for number in due {
            let Some(one) = self.under_way.get_mut(&number) else { continue };
            let step = one.task.go_on(&mut self.scratch);
            self.take_step(number, step, now);
        }
    }

    fn take_step(&mut self, number: usize, step: Step, now: Tick) {
        let Some(one) = self.under_way.get(&number) else { return };
        match step {
            Step::Wait => {}
            Step::GoOn => {
                let pause = if matches!(one.task, Task::Program(_)) { PAUSE } else { Duration::ZERO };
                self.unheard.insert((now.plus(pause), number));
            }
            Step::Found(finding) => {
                let (errand, took) = (one.errand, now.since(one.begun));
                self.remove(number);
                self.take_in(&errand, &finding, Times { took, now });
            }
        }
    }

    /// Gives up who has taken too long. `overslept`: that is not their fault.
    fn end_overdue(&mut self, now: Tick, overslept: bool) {
        while let Some((at, number)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            self.deadlines.remove(&(at, number));
            let Some(one) = self.under_way.get_mut(&number) else { continue };
            if at < one.deadline {
                if let Task::Query(query) = &one.task {
                    query.ask_again();
                }
                self.deadlines.insert((one.deadline, number));
                continue;
            }
            let finding = if overslept { Finding::Shortage } else { one.task.overdue() };
            let (errand, took) = (one.errand, now.since(one.begun));
            if let Task::Program(_) = one.task {
                self.note(&errand, &finding, Times { took, now });
                self.cancel(number, now);
            } else {
                self.remove(number);
                self.take_in(&errand, &finding, Times { took, now });
            }
        }
    }

    /// Ends an errand without a finding. A program has to be waited for.
    fn cancel(&mut self, number: usize, now: Tick) {
        let Some(one) = self.remove(number) else { return };
        match one.task {
            Task::Program(mut program) => {
                program.kill();
                self.under_way.insert(number, UnderWay { task: Task::Dying(program), ..one });
            }
            Task::Dying(_) => _ = self.under_way.insert(number, one),
            Task::Talk(_) | Task::Query(_) => self.schedule.ended(&one.errand, now),
        }
    }

    /// A program that was killed has gone.
    fn close(&mut self, number: usize, now: Tick) {
        if let Some(one) = self.remove(number) {
            self.schedule.ended(&one.errand, now);
        }
    }

    fn remove(&mut self, number: usize) -> Option<UnderWay> {
        let one = self.under_way.remove(&number)?;
        self.deadlines.retain(|(_, other)| *other != number);
        self.unheard.retain(|(_, other)| *other != number);
        Some(one)
    }

    /// Takes in what an errand has come to, and gives its place back.
    fn take_in(&mut self, errand: &Errand, finding: &Finding, times: Times) {
        self.note(errand, finding, times);
        match finding {
            Finding::Shortage => self.schedule.put_off(errand, times.now),
            Finding::Verdict(_) | Finding::Agent(_) => self.schedule.ended(errand, times.now),
        }
    }

    fn note(&self, errand: &Errand, finding: &Finding, times: Times) {
        if let Some(subject) = self.subjects.get(errand)
            && let Some(service) = service(self.settings.as_deref(), errand)
        {
            subject.take_in(finding, times, service, &self.shared);
        }
    }

    /// Ends everything, and forgets what was found out.
    fn leave(mut self, events: &mut Events) {
        let now = self.shared.now();
        self.subjects.values().for_each(|subject| subject.forget(now));
        let numbers: Vec<usize> = self.under_way.keys().copied().collect();
        for number in numbers {
            self.cancel(number, now);
        }
        let deadline = now.plus(LAST_RITES);
        while !self.under_way.is_empty() && self.shared.now() < deadline {
            self.wait(events, Some(deadline));
            for event in &*events {
                self.dispatch(event, now);
            }
        }
        self.bury_strangers();
        for (_, one) in self.under_way {
            if let Task::Dying(program) = one.task {
                // The disk, or whatever else holds it, may take long.
                let _ = thread::Builder::new().name("reaper".to_owned()).spawn(|| program.await_end());
            }
        }
    }
}

fn service<'a>(settings: Option<&'a Settings>, errand: &Errand) -> Option<&'a Service> {
    settings?.services.get(ServiceIndex(errand.service)).map(|service| &**service)
}

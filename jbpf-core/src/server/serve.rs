//! The thread that serves: waits for clients, lines, room to answer, records and finished loads,
//! all in one `poll`.

use std::collections::BTreeMap;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use jbpf_channel::Doorbell;
use jbpf_channel::protocol::CollectorRequest;
use jbpf_operator::protocol::{ErrorCode, ErrorReport, Reply, Request, WaitingReport};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};
use rustix::time::Timespec;

use super::change::{Asker, Change, Changes, Outcome};
use super::client::{Client, turn_away};
use super::line::{self, Question};
use super::path::Endpoint;
use super::peer::{Admission, Peer, Standing};
use super::untaken::{Left, Loads};
use super::{Signals, answer};
use crate::runtime::Shared;

/// Clients at a time that watch or have opened something: they may stay for ever, and others want
/// to be let in.
const MAX_STAYING: usize = 48;

/// How long a client keeps its place in silence while others want it.
const SILENCE: Duration = Duration::from_secs(5);

/// Lines answered to one client before others have their turn.
const LINES_A_TURN: usize = 16;

/// How long lines of one client are answered before others have their turn, and those of all
/// before other things are looked at: whether to stop, and who has come. The last answer takes as
/// long as it takes.
const TURN_OF_A_CLIENT: Duration = Duration::from_millis(5);
const TURN: Duration = Duration::from_millis(50);

/// Bytes that the server holds for all clients at a time, and for those of one user: of lines that
/// are not whole, and of answers that are not taken.
const MAX_HELD: usize = 48 << 20;
const MAX_HELD_OF_A_USER: usize = 24 << 20;

/// The flags of `poll` for clients that are gone. A client that has only ended its side is not
/// gone.
const VANISHED: PollFlags = PollFlags::HUP.union(PollFlags::ERR).union(PollFlags::NVAL);

/// How long no client is let in after the system had no descriptor for one.
const RECOVERY: Duration = Duration::from_millis(100);

/// The log is told of codelets that left calls so often at most.
const LOOK_FOR_ABORTS: Duration = Duration::from_secs(5);

/// How long the server waits before it looks again whether clients have taken descriptors: those
/// that must take them to go on, and those that are gone.
const LOOK_FOR_TAKEN: Duration = Duration::from_millis(10);
const LOOK_FOR_LEFT: Duration = Duration::from_secs(1);

/// How long the thread rests while the system refuses to wait for descriptors.
const REST: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Service {
    endpoint: Endpoint,
    signals: Arc<Signals>,
    shared: Weak<Shared>,
    admission: Admission,
    changes: Changes,
    clients: BTreeMap<u64, Client>,
    /// Connections that are over, with descriptors in flight.
    left: Vec<Left>,
    /// Clients so far: names them.
    accepted: u64,
    since: Instant,
    /// When to look for new clients again, after the system had no descriptor for one.
    closed_until: Option<Instant>,
    /// When the log is told of codelets that left calls.
    look_for_aborts: Instant,
    /// Whether the thread wakes up for that: whether a loaded codelet calls `abort`.
    has_aborts: bool,
    /// [`TURN`].
    turn: Duration,
    /// Given up for a moment to tell somebody that there is no descriptor for them.
    reserve: Option<OwnedFd>,
}

/// The findings of a `poll`.
#[derive(Debug, Default)]
struct Ready {
    listener: bool,
    clients: Vec<(u64, PollFlags)>,
}

impl Service {
    pub(super) fn new(
        endpoint: Endpoint,
        signals: Arc<Signals>,
        shared: Weak<Shared>,
        admission: Admission,
        changes: Changes,
    ) -> Self {
        Self {
            reserve: spare(&signals.bell),
            endpoint,
            signals,
            shared,
            admission,
            changes,
            clients: BTreeMap::new(),
            left: Vec::new(),
            accepted: 0,
            since: Instant::now(),
            closed_until: None,
            look_for_aborts: Instant::now(),
            has_aborts: false,
            turn: TURN,
        }
    }

    /// Serves until it is told to stop, or the runtime is gone.
    pub(super) fn run(mut self) {
        loop {
            let ready = self.wait();
            if self.signals.stop.load(Ordering::Acquire) {
                break;
            }
            let Some(shared) = self.shared.upgrade() else {
                break;
            };
            self.turn(&ready, &shared);
        }
        self.changes.stop();
    }

    fn turn(&mut self, ready: &Ready, shared: &Arc<Shared>) {
        for (number, found) in &ready.clients {
            if let Some(client) = self.clients.get_mut(number) {
                if found.intersects(VANISHED) {
                    // The client gets no answers any more, even to lines that it has sent.
                    client.hang_up();
                } else if found.contains(PollFlags::IN) {
                    client.receive();
                }
            }
        }
        self.let_go();
        self.shed();
        self.left.retain_mut(Left::stays);
        if ready.listener {
            self.accept();
        }
        while let Some((asker, outcome)) = self.changes.finished() {
            self.conclude(asker, outcome);
        }
        self.answer(shared);
        self.start_changes(shared);
        let now = Instant::now();
        for client in self.clients.values_mut() {
            client.look_at_untaken();
            client.record();
            client.send();
            client.check_time(now);
        }
        self.let_go();
        self.tell_aborts(shared, now);
    }

    /// Tells the log of codelets that left calls, now and then: they do not say so themselves.
    fn tell_aborts(&mut self, shared: &Shared, now: Instant) {
        if now < self.look_for_aborts {
            return;
        }
        shared.tell_aborts();
        self.has_aborts = shared.has_aborts();
        self.look_for_aborts = now + LOOK_FOR_ABORTS;
    }

    /// Begins the next change. Changes of a client that has vanished since its line was read are
    /// not begun.
    fn start_changes(&mut self, shared: &Arc<Shared>) {
        if self.changes.is_next() {
            self.drop_vanished();
        }
        while let Some((asker, reply)) = self.changes.start_next(shared) {
            self.conclude(asker, reply.into());
        }
    }

    /// Drops clients that are over, with their waiting changes.
    fn let_go(&mut self) {
        let over = self.clients.extract_if(.., |_, client| client.is_over());
        self.left
            .extend(over.filter_map(|(_, client)| client.leave()));
        let clients = &self.clients;
        self.changes.keep(|client| clients.contains_key(&client));
    }

    /// Cuts off clients while the server holds too much for them: first the client that it holds
    /// most for.
    fn shed(&mut self) {
        while let Some(number) = heaviest(&self.clients) {
            if let Some(client) = self.clients.remove(&number) {
                let message = "the application holds too much for those who write or do not read; try again later";
                client.send_away(&ErrorReport::new(ErrorCode::TooMuchHeld, message));
                self.left.extend(client.leave());
            }
        }
        let clients = &self.clients;
        self.changes.keep(|client| clients.contains_key(&client));
    }

    fn wait(&mut self) -> Ready {
        let now = Instant::now();
        self.closed_until = self.closed_until.filter(|until| *until > now);
        let timeout = self.timeout(now);
        let bell = &self.signals.bell;
        let mut numbers = Vec::with_capacity(self.clients.len());
        let mut descriptors = vec![PollFd::new(bell, PollFlags::IN)];
        if self.closed_until.is_none() {
            descriptors.push(PollFd::new(&self.endpoint.listener, PollFlags::IN));
        }
        let fixed = descriptors.len();
        for (number, client) in &self.clients {
            numbers.push(*number);
            descriptors.push(PollFd::from_borrowed_fd(
                client.descriptor(),
                client.interest(),
            ));
        }
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut descriptors, timeout.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ready::default(),
            Err(_) => return self.look_at_each(timeout.as_ref()),
        }
        let (first, of_clients) = descriptors.split_at(fixed.min(descriptors.len()));
        if first.first().is_some_and(|bell| !bell.revents().is_empty()) {
            bell.clear();
        }
        let found = of_clients.iter().map(PollFd::revents);
        Ready {
            listener: first.get(1).is_some_and(|fd| !fd.revents().is_empty()),
            clients: numbers.into_iter().zip(found).collect(),
        }
    }

    /// Waits a little, and looks at one descriptor after the other. For systems that refuse to
    /// wait for so many descriptors, since they allow the process fewer by now (`RLIMIT_NOFILE`).
    fn look_at_each(&self, timeout: Option<&Timespec>) -> Ready {
        let timeout = timeout.and_then(|timeout| Duration::try_from(*timeout).ok());
        std::thread::sleep(timeout.map_or(REST, |timeout| timeout.min(REST)));
        self.signals.bell.clear();
        let look = |client: &Client| {
            let descriptor = PollFd::from_borrowed_fd(client.descriptor(), client.interest());
            let mut descriptors = [descriptor];
            match poll(&mut descriptors, Some(&Timespec::default())) {
                Ok(_) => descriptors
                    .first()
                    .map_or(PollFlags::empty(), PollFd::revents),
                // Reading tells as well, and does not wait.
                Err(_) => PollFlags::IN,
            }
        };
        let clients = self.clients.iter();
        Ready {
            listener: self.closed_until.is_none(),
            clients: clients
                .map(|(number, client)| (*number, look(client)))
                .collect(),
        }
    }

    /// How long nothing needs to be done unless something happens; `None` is for ever.
    fn timeout(&self, now: Instant) -> Option<Duration> {
        let bell = &self.signals.bell;
        if self.clients.values().any(Client::has_work) {
            return Some(Duration::ZERO);
        }
        let mut unsignalled = None;
        if self
            .clients
            .values()
            .any(|client| client.tails().next().is_some())
        {
            // Records may be there, or come before the bells are armed: then there is no waiting.
            if bell.arm(self.clients.values().flat_map(Client::tails)) {
                return Some(Duration::ZERO);
            }
            unsignalled = bell.longest_wait();
        }
        let deadlines = self.clients.values().filter_map(Client::deadline);
        let next = deadlines.chain(self.closed_until);
        let look = self.has_aborts.then_some(self.look_for_aborts);
        let next = next.chain(look).min();
        let until = next.map(|next| next.saturating_duration_since(now));
        let must_take = self.clients.values().any(Client::must_take);
        let taken = must_take.then_some(LOOK_FOR_TAKEN);
        let left = (!self.left.is_empty()).then_some(LOOK_FOR_LEFT);
        let looks = unsignalled.into_iter().chain(taken).chain(left);
        until.into_iter().chain(looks).min()
    }

    fn accept(&mut self) {
        // One turn lets in as many as there can be; more are told so in the next.
        for _ in 0..Standing::Own.places() {
            match self.accept_one() {
                Ok(stream) => self.admit(stream),
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(Errno::AGAIN) => return,
                Err(Errno::MFILE | Errno::NFILE) if self.refuse_one() => {}
                Err(_) => {
                    self.closed_until = Instant::now().checked_add(RECOVERY);
                    return;
                }
            }
        }
    }

    fn accept_one(&self) -> Result<UnixStream, Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        accept_with(self.endpoint.listener.as_fd(), flags).map(UnixStream::from)
    }

    /// Tells a client that the application has no descriptor for it. Returns false if there is not
    /// even one for that.
    fn refuse_one(&mut self) -> bool {
        let reserve = self.reserve.take();
        let reserved = reserve.is_some();
        drop(reserve);
        let accepted = reserved.then(|| self.accept_one());
        if let Some(Ok(stream)) = &accepted
            && self.admission.peer(stream).is_some()
        {
            let message = "the application has no file descriptor left for this connection (RLIMIT_NOFILE); try again later";
            turn_away(stream, &ErrorReport::new(ErrorCode::NoDescriptors, message));
        }
        let refused = matches!(accepted, Some(Ok(_)));
        drop(accepted);
        self.reserve = spare(&self.signals.bell);
        refused
    }

    fn admit(&mut self, stream: UnixStream) {
        if let Some(peer) = self.admission.peer(&stream) {
            self.seat(stream, peer, Instant::now());
        }
    }

    /// Gives a client a place, or tells it that there is none.
    fn seat(&mut self, stream: UnixStream, peer: Peer, now: Instant) {
        let places = peer.standing.places();
        if self.clients.len() >= places {
            self.drop_vanished();
        }
        if self.clients.len() == places {
            self.drop_most_silent(now);
        }
        let connected = self.clients.len();
        let of_user = self
            .clients
            .values()
            .filter(|client| client.peer.user == peer.user);
        let of_user = of_user.count();
        if connected >= places || of_user >= peer.standing.places_of_a_user() {
            let message = format!("{connected} clients are connected already; try again later");
            turn_away(
                &stream,
                &ErrorReport::new(ErrorCode::TooManyClients, message),
            );
            return;
        }
        self.accepted += 1;
        let client = Client::new(stream, peer, now);
        self.clients.insert(self.accepted, client);
    }

    /// Makes room by dropping the client that has been silent longest, if it was silent long
    /// enough.
    fn drop_most_silent(&mut self, now: Instant) {
        let silent = self.clients.iter().filter_map(|(number, client)| {
            let since = client.silent_since()?;
            let enough = now.saturating_duration_since(since) >= SILENCE;
            enough.then_some((since, *number))
        });
        if let Some((_, number)) = silent.min()
            && let Some(client) = self.clients.remove(&number)
        {
            let message = "others wait for a place, and this connection was silent; connect again";
            client.send_away(&ErrorReport::new(ErrorCode::TooManyClients, message));
            self.left.extend(client.leave());
        }
    }

    /// Makes room by dropping clients that have hung up.
    fn drop_vanished(&mut self) {
        let of_clients = self.clients.values().map(|client| {
            // `poll` reports hanging up without being asked for it.
            PollFd::from_borrowed_fd(client.descriptor(), PollFlags::empty())
        });
        let mut descriptors: Vec<PollFd<'_>> = of_clients.collect();
        if poll(&mut descriptors, Some(&Timespec::default())).is_err() {
            return;
        }
        let found: Vec<bool> = descriptors
            .iter()
            .map(|fd| fd.revents().intersects(VANISHED))
            .collect();
        for (client, vanished) in self.clients.values_mut().zip(found) {
            if vanished {
                client.hang_up();
            }
        }
        self.let_go();
    }

    /// Answers lines, a few of each client. A short line may ask for much work (a large map's last
    /// page): those come first whose lines have taken least time so far, so that who asks little
    /// waits for one answer of each of the others at most.
    fn answer(&mut self, shared: &Arc<Shared>) {
        let begin = Instant::now();
        let mut now = begin;
        let asking = self.clients.iter().filter(|(_, it)| it.has_work());
        let mut asking: Vec<_> = asking.map(|(number, it)| (it.spent, *number)).collect();
        asking.sort_unstable();
        let (changes, since) = (&mut self.changes, self.since);
        let mut staying = self.clients.values().filter(|it| it.stays()).count();
        let of_clients = self.clients.values();
        let of_clients = of_clients.map(|it| (it.peer.user, it.waiting_descriptors()));
        let mut loads = Loads::new(self.left.iter().map(Left::load).chain(of_clients));
        for (_, number) in asking {
            let Some(client) = self.clients.get_mut(&number) else {
                continue;
            };
            let start = now;
            for _ in 0..LINES_A_TURN {
                let Some(line) = client.next_line(now) else {
                    break;
                };
                let stayed = client.stays();
                match line::read(&line) {
                    Ok((id, question))
                        if question.wants_to_stay() && !stayed && staying >= MAX_STAYING =>
                    {
                        client.reply(id, &Reply::Error(too_many_stay()));
                    }
                    Err(nonsense) => client.reply(nonsense.id, &Reply::Error(nonsense.error)),
                    Ok((id, Question::Collector(request))) => {
                        collect(client, id, &request, shared, &mut loads);
                    }
                    Ok((id, Question::Operator(request))) => {
                        let asker = Asker {
                            client: number,
                            user: client.peer.user,
                            request: id,
                        };
                        operate(client, asker, request, shared, changes, since);
                    }
                }
                if client.stays() && !stayed {
                    staying += 1;
                }
                now = Instant::now();
                if now.saturating_duration_since(start) >= TURN_OF_A_CLIENT.min(self.turn) {
                    break;
                }
            }
            if now == start {
                // It had no whole line.
                continue;
            }
            client.spent += now.saturating_duration_since(start);
            if now.saturating_duration_since(begin) >= self.turn {
                break;
            }
        }
    }

    /// A change is over: the client that asked for it gets the answer, if it is still there.
    fn conclude(&mut self, asker: Asker, outcome: Outcome) {
        if let Some(client) = self.clients.get_mut(&asker.client) {
            client.busy = false;
            client.reply(asker.request, &outcome.reply);
            if outcome.observation.is_some() {
                client.observation = outcome.observation;
            }
        }
    }
}

/// A descriptor that is there to be given up.
fn spare(bell: &Doorbell) -> Option<OwnedFd> {
    rustix::io::fcntl_dupfd_cloexec(bell, 0).ok()
}

fn too_many_stay() -> ErrorReport {
    let message = format!(
        "{MAX_STAYING} clients watch or have opened channels already, and the other places are for those who ask; one \
         client may watch and open many"
    );
    ErrorReport::new(ErrorCode::TooManyWatchers, message)
}

fn collect(
    client: &mut Client,
    id: u64,
    request: &CollectorRequest,
    shared: &Shared,
    loads: &mut Loads,
) {
    let user = client.peer.user;
    if line::opens(request)
        && let Err(error) = loads.check_room(user)
    {
        return client.reply(id, &Reply::Error(error));
    }
    let answer = client.session.answer(shared, request);
    loads.add(user, answer.descriptors.len());
    client.envelope(id, &answer.reply, answer.descriptors);
}

fn operate(
    client: &mut Client,
    asker: Asker,
    request: Request,
    shared: &Arc<Shared>,
    changes: &mut Changes,
    since: Instant,
) {
    let mut change = |change| changes.push(asker, change).map(|()| client.busy = true);
    let change = match request {
        Request::Load(body) => change(Change::Load(body)),
        Request::Replace(body) => change(Change::Replace(body)),
        Request::Unload { codeletset } => change(Change::Unload(codeletset)),
        Request::Measure(body) => {
            answer::check_names(body.hooks.as_deref()).and_then(|()| change(Change::Measure(body)))
        }
        other => {
            let reply = answer_to(other, client, asker, shared, changes, since);
            return client.reply(asker.request, &reply);
        }
    };
    if let Err(error) = change {
        client.reply(asker.request, &Reply::Error(error));
    }
}

/// The answer to a request that is answered at once.
fn answer_to(
    request: Request,
    client: &mut Client,
    asker: Asker,
    shared: &Arc<Shared>,
    changes: &Changes,
    since: Instant,
) -> Reply {
    match request {
        Request::Load(_) | Request::Replace(_) | Request::Unload { .. } | Request::Measure(_) => {
            Reply::Error(ErrorReport::new(
                ErrorCode::Internal,
                "a change has no answer at once",
            ))
        }
        Request::Statistics(body) => answer::statistics(shared, &body),
        Request::Waiting {} => Reply::Waiting(WaitingReport {
            changes: changes.report(),
            inside: shared.waits_for(),
        }),
        Request::Hello {} => answer::hello(shared, since),
        Request::Hooks { skip } => answer::hooks(shared, skip),
        Request::Helpers {} => Reply::Helpers(shared.helpers().clone()),
        Request::Header { skip } => answer::header(skip),
        Request::List { skip } => answer::list(shared, skip),
        Request::Show { codeletset, skip } => answer::show(shared, &codeletset, skip),
        Request::Streams { skip } => answer::all_streams(shared, skip),
        Request::Map(body) => answer::map(shared, &body),
        Request::Tail { stream_id } => answer::tap(shared, stream_id)
            .and_then(|(records, reply)| client.watch(asker.request, records).map(|()| reply))
            .unwrap_or_else(Reply::Error),
        Request::Send { stream_id, record } => answer::send(shared, stream_id, &record),
    }
}

/// The client that makes the server hold most, if it holds too much for all, or for one user's:
/// the first of those.
fn heaviest(clients: &BTreeMap<u64, Client>) -> Option<u64> {
    let all: usize = clients.values().map(Client::held_bytes).sum();
    if all <= MAX_HELD_OF_A_USER {
        return None;
    }
    let mut of_users: BTreeMap<u32, usize> = BTreeMap::new();
    for client in clients.values() {
        *of_users.entry(client.peer.user).or_default() += client.held_bytes();
    }
    let user = of_users.into_iter().max_by_key(|(_, bytes)| *bytes);
    let user = user.filter(|(_, bytes)| *bytes > MAX_HELD_OF_A_USER);
    if user.is_none() && all <= MAX_HELD {
        return None;
    }
    let candidates = clients.iter();
    let candidates =
        candidates.filter(|(_, client)| user.is_none_or(|(user, _)| client.peer.user == user));
    let heaviest = candidates.max_by_key(|(_, client)| client.held_bytes());
    heaviest.map(|(number, _)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::testing;
    use jbpf_operator::protocol::MAX_LINE;
    use std::io::Write as _;

    fn service(folder: &std::path::Path) -> Service {
        let bell = Arc::new(jbpf_channel::Doorbell::new().unwrap());
        let signals = Signals {
            bell: Arc::clone(&bell),
            stop: std::sync::atomic::AtomicBool::new(false),
        };
        Service::new(
            Endpoint::new(&folder.join("app.sock"), false).unwrap(),
            Arc::new(signals),
            Weak::new(),
            Admission::new(Vec::new()),
            Changes::new(None, bell),
        )
    }

    /// Lets so many in, and keeps their ends.
    fn seat(
        service: &mut Service,
        count: usize,
        standing: Standing,
        now: Instant,
    ) -> Vec<UnixStream> {
        let seat = |number| {
            let (near, far) = UnixStream::pair().unwrap();
            // The clients are of ten users.
            let user = 1000 + u32::try_from(number % 10).unwrap();
            service.seat(near, Peer { user, standing }, now);
            far
        };
        (0..count).map(seat).collect()
    }

    #[test]
    fn the_most_silent_makes_room_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut service = service(folder.path());
        let begin = Instant::now();
        let later = |seconds| begin.checked_add(Duration::from_secs(seconds)).unwrap();
        let mut clients = seat(&mut service, 64, Standing::Own, later(0));
        clients.extend(seat(&mut service, 1, Standing::Own, later(4)));
        assert!((1..=64).eq(service.clients.keys().copied()), "too early");
        for (number, client) in &mut service.clients {
            client.busy = *number != 2;
        }
        clients.extend(seat(&mut service, 2, Standing::Own, later(5)));
        assert_eq!(service.clients.len(), 64);
        assert!(!service.clients.contains_key(&2) && service.clients.contains_key(&65));
        drop(clients);
    }

    #[test]
    fn listed_users_leave_places_to_the_own_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut service = service(folder.path());
        let now = Instant::now();
        let listed = seat(&mut service, 100, Standing::Listed, now);
        assert_eq!(service.clients.len(), 48);
        let own = seat(&mut service, 100, Standing::Own, now);
        assert_eq!(service.clients.len(), 64);
        let much_later = now.checked_add(Duration::from_secs(20)).unwrap();
        let more = seat(&mut service, 1, Standing::Listed, much_later);
        assert!(
            (1..=64).eq(service.clients.keys().copied()),
            "in nobody's place"
        );
        drop((listed, own, more));
    }

    #[test]
    fn what_a_client_asked_for_that_has_vanished_does_not_begin() {
        let (runtime, _turn) = testing::runtime();
        let shared = testing::shared(&runtime);
        let folder = tempfile::tempdir().unwrap();
        let mut service = service(folder.path());
        for vanishes in [true, false] {
            let clients = seat(&mut service, 1, Standing::Own, Instant::now());
            let line = b"{\"version\":1,\"id\":1,\"measure\":{}}\n";
            (&clients[0]).write_all(line).unwrap();
            service.clients.values_mut().for_each(Client::receive);
            // The last look at it was before.
            let clients = (!vanishes).then_some(clients);
            service.turn(&Ready::default(), &shared);
            assert_eq!(service.changes.is_running(), !vanishes);
            assert_eq!(service.clients.is_empty(), vanishes);
            drop(clients);
        }
        service.changes.stop();
    }

    #[test]
    fn who_has_asked_least_work_comes_first_and_a_turn_ends() {
        let (runtime, _turn) = testing::runtime();
        let shared = testing::shared(&runtime);
        let folder = tempfile::tempdir().unwrap();
        let mut service = service(folder.path());
        // After one answer, whatever it took.
        service.turn = Duration::ZERO;
        let clients = seat(&mut service, 3, Standing::Own, Instant::now());
        for far in &clients {
            let line = b"{\"version\":1,\"id\":1,\"header\":{}}\n";
            (&*far).write_all(&line.repeat(2)).unwrap();
            far.set_nonblocking(true).unwrap();
        }
        for (client, minutes) in service.clients.values_mut().zip([2, 0, 1]) {
            client.spent = Duration::from_secs(60 * minutes);
            client.receive();
        }
        let answers = |far: &UnixStream| {
            let mut answers = Vec::new();
            let _ = std::io::Read::read_to_end(&mut &*far, &mut answers);
            answers.iter().filter(|byte| **byte == b'\n').count()
        };
        for expected in [[0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [1, 0, 0]] {
            service.turn(&Ready::default(), &shared);
            let answered: Vec<usize> = clients.iter().map(answers).collect();
            assert_eq!(answered, expected);
        }
        drop(clients);
    }

    #[test]
    fn what_waits_goes_with_its_client() {
        let folder = tempfile::tempdir().unwrap();
        let mut service = service(folder.path());
        let mut clients = seat(&mut service, 3, Standing::Own, Instant::now());
        for client in 1..=3 {
            let (user, request) = (1000, 1);
            let asker = Asker {
                client,
                user,
                request,
            };
            let change = Change::Unload("set".to_owned());
            service.changes.push(asker, change).unwrap();
        }
        clients.remove(1);
        service.drop_vanished();
        assert_eq!(service.changes.waiting(), [1, 3]);
    }

    #[test]
    fn one_listed_user_leaves_places_to_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let mut service = service(folder.path());
        let seat = |service: &mut Service, user| {
            let (near, far) = UnixStream::pair().unwrap();
            let standing = Standing::Listed;
            service.seat(near, Peer { user, standing }, Instant::now());
            far
        };
        let greedy: Vec<_> = (0..40).map(|_| seat(&mut service, 1001)).collect();
        assert_eq!(service.clients.len(), 16);
        let modest: Vec<_> = (0..40).map(|_| seat(&mut service, 1002)).collect();
        assert_eq!(service.clients.len(), 32);
        drop((greedy, modest));
    }

    #[test]
    fn clients_that_make_the_server_hold_most_are_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let mut service = service(folder.path());
        let own = seat(&mut service, 64, Standing::Own, Instant::now());
        let half = vec![b'x'; MAX_LINE / 2];
        for far in &own {
            far.set_nonblocking(true).unwrap();
            let mut rest = half.as_slice();
            while let Ok(sent) = (&*far).write(rest)
                && sent > 0
            {
                rest = &rest[sent..];
                service.clients.values_mut().for_each(Client::receive);
                for client in service.clients.values_mut() {
                    assert_eq!(client.next_line(Instant::now()), None);
                }
            }
            service.shed();
        }
        let held: usize = service.clients.values().map(Client::held_bytes).sum();
        assert!(held <= MAX_HELD, "{held}");
        assert!(service.clients.len() >= 32, "no more than need be");
    }
}

import { existsSync } from 'node:fs';
import { StartError } from '../runtime.ts';

/** @throws {StartError} this machine has no Perl, or a processor whose system calls the keeper does not know. */
export function perlPath(): string {
  if (!['x64', 'arm64', 'riscv64', 'loong64'].includes(process.arch)) {
    throw new StartError(`Type=notify and Type=forking are not possible on this processor (${process.arch})`);
  }
  const path = '/usr/bin/perl';
  if (existsSync(path)) return path;
  throw new StartError(
    `there is no ${path}, which Type=notify, Type=forking, WatchdogSec= and NotifyAccess= need: install perl-base`,
  );
}

/**
 * The keeper: what stands between the agent and a command that talks (sd_notify(3)) or forks away (`Type=forking`). It
 * does what the shim does, and beyond it receives the command's messages and, as the reaper of everything that the
 * command starts (PR_SET_CHILD_SUBREAPER), learns how a main process ended that is not its own child.
 *
 * It is Perl because that is what every Debian and Ubuntu has (perl-base is Essential), Node has no datagram sockets of
 * the unix kind, and messages must reach somebody while the agent is away. It uses no module: 4 MB, and up in
 * milliseconds. It writes the record that the shim writes, but for the end, which it knows exactly (`exited 3`,
 * `killed 15`), and the notices (`notify/notices.ts`), replaced whole.
 *
 * Arguments: processor (x64, or another that has Linux's generic system calls), notices, socket, whose messages count
 * (`NotifyAccess=`), then, where it has a command to run: record, journal, control group, groups that limit it, umask,
 * what the command does at SIGPIPE (`IGNORE`, `DEFAULT`), identity, `PIDFile=`, type, which ends of a command that forks
 * away are no failure (`3 killed-9`, or `any`), and the command. On file descriptor 3 it says what the shim says.
 *
 * Without a command it receives for a container (`notify/listener.ts`): it goes on with the notices that there are, and
 * as long as the lock beside them, which tells others that somebody listens. Only what has the socket's directory gets
 * there, so that of whose messages count there are other words: `any`, `first` (the container's first process), `init`
 * (also what that started).
 */
export const keeperScript = String.raw`use strict;
my ($arch, $notices, $socket, $access, $record, $journal, $group, $limits, $mask, $atpipe, $identity, $pidfile, $type, $clean, @command) = @ARGV;
my $x64 = $arch eq 'x64';
my ($recvmsg, $ppoll, $sigprocmask, $prctl) = $x64 ? (47, 271, 14, 157) : (212, 73, 135, 167);
my ($main, $forked, $seq, $said) = (0, 0, 0, '');
my %known = map { $_ => 1 } qw(READY STATUS RELOADING STOPPING WATCHDOG MAINPID EXTEND_TIMEOUT_USEC ERRNO);
my %told;

sub stat_of { my ($pid) = @_; open(my $file, '<', "/proc/$pid/stat") or return ''; my $line = <$file>; return $line // '' }
sub lines_of { my ($path) = @_; open(my $file, '<', $path) or return (); my @lines = <$file>; chomp @lines; return @lines }
sub field_of { my ($pid, $field) = @_; my ($rest) = stat_of($pid) =~ /.*\) (.*)/s; return (split ' ', $rest // '')[$field] // 0 }
sub parent_of { return field_of($_[0], 1) }
sub session_of { return field_of($_[0], 3) }
# Among what the keeper has started: nobody else's process becomes the main one, which is sent signals.
sub ours {
  my ($pid) = @_;
  return 1 if ($group // '') ne '' && grep { $_ == $pid } lines_of("$group/cgroup.procs");
  for (1 .. 256) {
    $pid = parent_of($pid);
    return $pid == $$ if $pid == $$ || $pid <= 1;
  }
  return 0;
}
# The first process of a container: number 1 in its namespace, or, where it shares ours, the one whose parent is elsewhere.
sub first {
  my ($pid) = @_;
  my ($numbers) = join("\n", lines_of("/proc/$pid/status")) =~ /^NSpid:\s*(.*)/m;
  my @numbers = split ' ', $numbers // '';
  return $numbers[-1] == 1 if @numbers > 1;
  my ($own, $above) = map { join "\n", lines_of("/proc/$_/cgroup") } $pid, parent_of($pid);
  return $own ne '' && $own ne $above;
}
sub record { print {*RECORD} @_, "\n" }

sub save {
  open(my $file, '>', "$notices.new") or return;
  print {$file} map { "$told{$_}[0] $_=$told{$_}[1]\n" } sort { $told{$a}[0] <=> $told{$b}[0] } keys %told;
  close $file;
  rename "$notices.new", $notices;
}

sub restore {
  for (lines_of($notices)) {
    my ($at, $key, $value) = /^(\d+) ([A-Z_]+)=(.*)$/ or next;
    $told{$key} = [$at, $value];
    $seq = $at if $at > $seq;
  }
}

sub note { my %pairs = @_; $seq++; $told{$_} = [$seq, $pairs{$_}] for keys %pairs; save() }

# Control commands have records of their own, beside this one.
sub controls {
  my ($directory) = ($record // '') =~ m{(.*)/};
  return defined $directory ? map { [/^shim (\d+)/m, /^main (\d+)/m] } map { join "\n", lines_of($_) } glob("\Q$directory\E/control-*") : ();
}

sub admits {
  my ($pid) = @_;
  return 1 if $access eq 'any';
  return 0 unless $pid;
  return first($pid) || ($access eq 'init' && first(parent_of($pid))) if $access eq 'first' || $access eq 'init';
  return 1 if $pid == $main || $pid == $$;
  return 0 if $access eq 'main' ;
  return 1 if grep { ($_->[1] // 0) == $pid } controls();
  return 0 if $access eq 'exec';
  return 1 if ($group // '') ne '' && grep { $_ == $pid } lines_of("$group/cgroup.procs");
  my $session = session_of($pid);
  return $session && grep { $_ == $session } $$, map { $_->[0] // 0 } controls();
}

sub receive {
  # Buffers of their own, which the kernel writes into: a constant's would be shared.
  vec(my $data, 8191, 8) = 0;
  vec(my $control, 31, 8) = 0;
  my $iov = pack('P Q', $data, length $data);
  my $header = pack('Q Q P Q P Q Q', 0, 0, $iov, 1, $control, length $control, 0);
  my $size = syscall($recvmsg, fileno(SOCKET), $header, 0x40);
  return 0 if $size < 0;
  # What did not fit is cut off, and a number that is cut off is another one: nobody says so much.
  return 1 if $size >= length $data;
  # One cmsghdr: length, SOL_SOCKET, SCM_CREDENTIALS, then pid, uid, gid. Descriptors have no room here: they are closed.
  my (undef, $level, $kind, $pid) = unpack('Q l l l', $control);
  return 1 unless $level == 1 && $kind == 2 && admits($pid);
  my %pairs;
  for (split /\n/, substr($data, 0, $size)) {
    my ($key, $value) = /^([A-Z_]+)=(.*)$/s or next;
    next unless $known{$key};
    $value =~ s/[\0-\x1f\x7f]/ /g;
    $pairs{$key} = substr($value, 0, 1024);
  }
  delete $pairs{MAINPID} if exists $pairs{MAINPID} && !(defined $record && $pairs{MAINPID} =~ /^[1-9]\d{0,9}$/ && ours($pairs{MAINPID}));
  $main = $pairs{MAINPID} if exists $pairs{MAINPID};
  note(%pairs) if %pairs;
  return 1;
}

sub ended {
  my ($status) = @_;
  my $signal = $status & 127;
  record($signal ? "killed $signal" : 'exited ' . ($status >> 8));
  exit 0;
}

sub is_clean {
  my ($status) = @_;
  my $signal = $status & 127;
  my $end = $signal ? "killed-$signal" : $status >> 8;
  return grep { $_ eq 'any' || $_ eq $end } split ' ', $clean;
}

# Of a command that has forked away: the pid file says who the main process is, or there is but one.
sub settle_fork {
  my @children = split ' ', (lines_of("/proc/$$/task/$$/children"))[0] // '';
  ended(0) unless @children;
  if ($pidfile ne '') {
    my ($pid) = ((lines_of($pidfile))[0] // '') =~ /^\s*([1-9]\d*)\s*$/;
    return unless defined $pid && kill(0, $pid) && ours($pid);
    $main = $pid;
  } else { $main = @children == 1 ? $children[0] : 0 }
  $forked = 2;
  note(READY => 1, $main ? (MAINPID => $main) : ());
}

sub reap {
  while ((my $pid = waitpid(-1, 1)) > 0) {
    my $status = $?;
    if ($type eq 'forking' && !$forked && $pid == $main) {
      ended($status) if $status && !is_clean($status);
      ($forked, $main) = (1, 0);
      next;
    }
    next unless $pid == $main;
    # What it said last, it may have said of another main process.
    1 while receive();
    ended($status) if $pid == $main;
  }
  return unless defined $record;
  settle_fork() if $forked == 1;
  # A main process that is none of ours, or of several none in particular: until nobody is left.
  my @children = split ' ', (lines_of("/proc/$$/task/$$/children"))[0] // '';
  ended(0) if !@children && !($main && kill 0, $main);
}

$SIG{$_} = sub { } for qw(HUP INT QUIT ALRM TERM USR1 USR2 PIPE CHLD);
my ($chld, $none) = (pack('Q', 1 << 16), pack('Q', 0));
syscall($sigprocmask, 0, $chld, 0, 8);
if (defined $record) {
  open(RECORD, '>', $record) or die "$record: $!\n";
  select((select(RECORD), $| = 1)[0]);
  open(STDERR, '>&', \*RECORD);
  record('shim ', stat_of($$) =~ s/\n//r);
  record("identity $identity");
  syscall($prctl, 36, 1, 0, 0, 0) == 0 or die "prctl: $!\n";
} else {
  open(LOCK, '>>', "$notices.lock") or die "$notices.lock: $!\n";
  if (!flock LOCK, 2 | 4) { print "ready\n"; exit 0 }
  restore();
}
if ($socket ne '') {
  unlink $socket;
  socket(SOCKET, 1, 2, 0) && setsockopt(SOCKET, 1, 16, pack('i', 1)) or die "socket: $!\n";
  bind(SOCKET, pack('S a*', 1, $socket)) or die "$socket: $!\n";
  chmod 0777, $socket;
}
if (defined $record) {
  open(CHANNEL, '>&=', 3) or die "channel: $!\n";
  select((select(CHANNEL), $| = 1)[0]);
  # The child waits here until it is known who it is: it could be quicker to say something.
  pipe(my $ready, my $go);
  $main = fork() // die "fork: $!\n";
  if (!$main) {
    close $go;
    readline $ready;
    for my $limit (split / /, $limits) {
      open(my $file, '>', "$limit/cgroup.procs") or next;
      record("limit $limit") if syswrite($file, '0') && close $file;
    }
    if ($group ne '' && open(my $file, '>', "$group/cgroup.procs")) {
      my $entered = syswrite($file, '0') && close $file;
      record("group $group") if $entered;
    }
    umask oct $mask;
    open(STDOUT, '>>', $journal);
    open(STDERR, '>>', $journal);
    fcntl(CHANNEL, 2, 1);
    close SOCKET;
    $SIG{$_} = 'DEFAULT' for qw(HUP INT QUIT ALRM TERM USR1 USR2 CHLD);
    $SIG{PIPE} = $atpipe;
    syscall($sigprocmask, 2, $none, 0, 8);
    exec {$command[0]} @command;
    my $failure = $! == 2 ? 127 : 126;
    print CHANNEL "failed $failure\n";
    exit $failure;
  }
  record("main $main");
  print CHANNEL "$main\n";
  close CHANNEL;
  close $go;
} else { print "ready\n"; close STDOUT }

while (1) {
  my $fds = $socket ne '' ? pack('l s s', fileno(SOCKET), 1, 0) : '';
  # A pid file is written when it is written; a main process of somebody else's ends unheard.
  my $foreign = $forked == 1 || (defined $record && !$main);
  my $wait = pack('q q', $foreign ? 0 : 2, $foreign ? 50_000_000 : 0);
  syscall($ppoll, $fds, $socket ne '' ? 1 : 0, $wait, $none, 8);
  if ($socket ne '') { 1 while receive() }
  reap() if defined $record;
  exit 0 if !defined $record && !(stat LOCK)[3];
}
`;

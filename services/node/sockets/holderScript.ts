/**
 * The holder: the process that has a socket unit's sockets open. It outlives the agent, as systemd's own does an upgrade, so
 * that callers are never turned away; it says when somebody calls, without taking the call; and it hands the sockets to
 * whoever is to serve them. Node can do none of the three: it accepts what it listens on, and passes nothing on.
 *
 * It is Perl for the reasons that the keeper is (`runtime/process/keeper.ts`). Arguments: processor, control socket, backlog,
 * mode, directory mode, owner (`uid:gid`, -1 for none), whether files go at the end, and the listeners:
 * `stream any 80`, `datagram inet 127.0.0.1 53`, `stream unix /run/x`. It writes `ok`, or why not, to its output.
 *
 * On the control socket a line is a wish: `watch` is answered by `ready` when somebody calls; `take` by the descriptors;
 * `end` ends it.
 */
export const holderScript = String.raw`use strict;
use Socket qw(:DEFAULT inet_pton IPPROTO_IPV6 IPV6_V6ONLY);
my ($arch, $control, $backlog, $mode, $dirmode, $owner, $remove, @listeners) = @ARGV;
my $sendmsg = $arch eq 'x64' ? 46 : 211;
my (@sockets, @files);
$SIG{$_} = 'IGNORE' for qw(HUP INT QUIT PIPE USR1 USR2);
$SIG{TERM} = 'IGNORE';

sub failed { syswrite STDOUT, "$_[0]: $!\n"; unlink @files; exit 1 }

sub make_parents {
  my ($path) = @_;
  my $at = '';
  for (split m{/}, $path =~ s{/[^/]*$}{}r) { next if $_ eq ''; $at .= "/$_"; mkdir $at, oct $dirmode }
}

sub bound {
  my ($type, $family, $host, $port, $said) = @_;
  my $kind = $type eq 'stream' ? SOCK_STREAM : SOCK_DGRAM;
  my $domain = $family eq 'inet' ? AF_INET : AF_INET6;
  socket(my $socket, $domain, $kind, 0) or return;
  setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1) if $type eq 'stream';
  setsockopt($socket, IPPROTO_IPV6, IPV6_V6ONLY, $said ? 1 : 0) if $domain == AF_INET6;
  my $address = inet_pton($domain, $host) or return;
  my $name = $domain == AF_INET ? pack_sockaddr_in($port, $address) : pack_sockaddr_in6($port, $address);
  return bind($socket, $name) ? $socket : undef;
}

sub unix {
  my ($type, $path) = @_;
  socket(my $socket, AF_UNIX, $type eq 'stream' ? SOCK_STREAM : SOCK_DGRAM, 0) or return;
  if ($path =~ /^\@/) { return bind($socket, pack_sockaddr_un("\0" . substr $path, 1)) ? $socket : undef }
  make_parents($path);
  unlink $path if -S $path;
  my $before = umask(0777 & ~oct $mode);
  my $done = bind($socket, pack_sockaddr_un($path));
  umask $before;
  return unless $done;
  push @files, $path;
  chmod oct $mode, $path;
  my ($uid, $gid) = split /:/, $owner;
  return if ($uid >= 0 || $gid >= 0) && !chown $uid, $gid, $path;
  return $socket;
}

umask 0;
for my $listener (@listeners) {
  my ($type, $family, $rest) = split / /, $listener, 3;
  my ($host, $port) = split / /, $rest;
  my $socket = $family eq 'unix' ? unix($type, $rest)
    : $family eq 'any' ? (bound($type, 'inet6', '::', $host, 0) // ($!{EADDRINUSE} ? undef : bound($type, 'inet', '0.0.0.0', $host)))
    : bound($type, $family, $host, $port, 1);
  $socket or failed($rest);
  $type ne 'stream' or listen($socket, $backlog) or failed($rest);
  push @sockets, $socket;
}

umask 0077;
unlink $control;
socket(my $door, AF_UNIX, SOCK_STREAM, 0) or failed($control);
bind($door, pack_sockaddr_un($control)) && listen($door, 16) or failed($control);
syswrite STDOUT, "ok\n";
open STDOUT, '>', '/dev/null';

sub hand_over {
  my ($client) = @_;
  my $count = @sockets;
  my $descriptors = pack("l$count", map { fileno $_ } @sockets);
  my $message = pack('Q l l', 16 + 4 * $count, 1, 1) . $descriptors . ("\0" x (4 * ($count % 2)));
  my $data = "f";
  my $part = pack('P Q', $data, 1);
  my $header = pack('Q Q P Q P Q Q', 0, 0, $part, 1, $message, length $message, 0);
  syscall($sendmsg, fileno($client), $header, 0);
}

my (%clients, %watching, %said);
while (1) {
  my $wanted = '';
  vec($wanted, fileno($_), 1) = 1 for $door, values %clients, %watching ? @sockets : ();
  my $number = select(my $readable = $wanted, undef, undef, undef);
  next if $number <= 0;
  if (%watching && grep { vec($readable, fileno($_), 1) } @sockets) {
    syswrite $_, "ready\n" for values %watching;
    %watching = ();
  }
  for my $key (keys %clients) {
    my $client = $clients{$key};
    next unless vec($readable, fileno($client), 1);
    if (!sysread $client, my $data, 256) { delete $clients{$key}; delete $watching{$key}; delete $said{$key}; next }
    else { $said{$key} .= $data }
    while ($said{$key} =~ s/^(\w+)\n//) {
      if ($1 eq 'watch') { $watching{$key} = $client }
      elsif ($1 eq 'take') { hand_over($client) }
      elsif ($1 eq 'end') { unlink @files if $remove; unlink $control; exit 0 }
    }
  }
  if (vec($readable, fileno($door), 1) && accept(my $client, $door)) { $clients{fileno $client} = $client }
}
`;

/**
 * Takes the sockets of holders, puts them on the descriptors from 3 on, and becomes the command, whose `LISTEN_PID` it
 * then is: sd_listen_fds(3). Arguments: processor, how many holders, their control sockets, the command.
 */
export const takerScript = String.raw`use strict;
use POSIX ();
my ($arch, $count, @command) = @ARGV;
my $recvmsg = $arch eq 'x64' ? 47 : 212;
my @taken;
for my $holder (splice @command, 0, $count) {
  socket(my $door, 1, 1, 0) or die "$!\n";
  connect($door, pack('S a108', 1, $holder)) or die "the sockets cannot be had: $!\n";
  syswrite $door, "take\n";
  vec(my $data, 15, 8) = 0;
  vec(my $message, 1039, 8) = 0;
  my $part = pack('P Q', $data, 16);
  my $header = pack('Q Q P Q P Q Q', 0, 0, $part, 1, $message, length $message, 0);
  my $size = syscall($recvmsg, fileno($door), $header, 0);
  my ($length, $level, $kind) = unpack('Q l l', $message);
  die "the sockets were not handed over\n" unless $size > 0 && $level == 1 && $kind == 1;
  my $number = ($length - 16) / 4;
  for my $descriptor (unpack "l$number", substr $message, 16) {
    open(my $handle, '+<&=', $descriptor) or die "$descriptor: $!\n";
    # Out of the way of those that come to be 3, 4, …
    push @taken, fcntl($handle, 0, 200) // die "$!\n";
    POSIX::close($descriptor);
  }
}
my $next = 3;
for my $descriptor (@taken) { POSIX::dup2($descriptor, $next++); POSIX::close($descriptor) }
s/^LISTEN_PID=.*/LISTEN_PID=$$/ for @command;
exec { $command[0] } @command or exit 127;
`;

/** `[Socket]`: systemd.socket(5). */
import { type Group, honoured, refused } from './directiveGroups.ts';
import { execGroups } from './execDirectives.ts';

const itself = 'let the program open this socket itself, without a .socket unit';
const onlyStreams = refused('only streams and datagrams of TCP, UDP and unix sockets are opened here', itself);
const otherwise = refused('the socket would be set up otherwise than it was written', itself);

export const socketGroups: Group[] = [
  {
    names:
      'ListenStream ListenDatagram SocketMode SocketUser SocketGroup DirectoryMode Backlog RemoveOnStop Service FileDescriptorName TriggerLimitIntervalSec TriggerLimitBurst',
    treatment: honoured,
  },
  {
    names:
      'ListenSequentialPacket ListenFIFO ListenNetlink ListenSpecial ListenMessageQueue ListenUSBFunction SocketProtocol PipeSize MessageQueueMaxMessages MessageQueueMessageSize Writable',
    treatment: onlyStreams,
  },
  {
    names: 'Accept',
    treatment: refused(
      'no service is made for each connection',
      'write Accept=no and let the service accept its connections (what is for inetd, such as ssh -i, needs systemd)',
    ),
  },
  {
    names: 'MaxConnections MaxConnectionsPerSource',
    treatment: { kind: 'ignored', why: 'it counts with Accept=yes only' },
  },
  { names: 'BindIPv6Only', treatment: otherwise, neutral: ['default'] },
  {
    names:
      'BindToDevice FlushPending KeepAlive KeepAliveTimeSec KeepAliveIntervalSec KeepAliveProbes DeferAcceptSec NoDelay Priority ReceiveBuffer SendBuffer IPTOS IPTTL Mark FreeBind Transparent Broadcast PassCredentials PassSecurity PassPacketInfo Timestamping TCPCongestion ReusePort Symlinks SmackLabel SmackLabelIPIn SmackLabelIPOut SELinuxContextFromNet',
    treatment: otherwise,
  },
  {
    names: 'ExecStartPre ExecStartPost ExecStopPre ExecStopPost TimeoutSec',
    treatment: refused('a socket runs no commands here', 'write them in its service'),
  },
  {
    names: execGroups.flatMap(({ names }) => names.split(' ')).join(' '),
    treatment: refused('a socket runs no commands here', 'write it in its service'),
  },
];

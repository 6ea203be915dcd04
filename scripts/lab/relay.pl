# A slow and lossy link: carries Ethernet frames between two TAP devices, which it makes.
#   perl relay.pl NEAR FAR DELAY_MS JITTER_MS LOSS_PERCENT
# What comes in at NEAR is delayed and may be lost; what comes in at FAR goes through at once. Frames keep their order.
# It is Perl because making a TAP device takes an ioctl, and because every Debian has it.
use strict;
use warnings;
use Time::HiRes qw(time);

my ($near_name, $far_name, $delay, $jitter, $loss) = @ARGV;
my ($TUNSETIFF, $IFF_TAP_NO_PI) = (0x400454ca, 0x1002);

sub tap {
    my ($name) = @_;
    open(my $device, '+<', '/dev/net/tun') or die "/dev/net/tun: $!\n";
    my $request = pack('a16 S x22', $name, $IFF_TAP_NO_PI);
    ioctl($device, $TUNSETIFF, $request) or die "tap $name: $!\n";
    return $device;
}

my ($near, $far) = (tap($near_name), tap($far_name));
$| = 1;
print "ready\n";

my @waiting;    # [when, frame]
my $last = 0;
while (1) {
    my $wait = @waiting ? $waiting[0][0] - time : undef;
    $wait = 0 if defined $wait && $wait < 0;
    my $ready = '';
    vec($ready, fileno($_), 1) = 1 for $near, $far;
    select($ready, undef, undef, $wait);
    my $now = time;
    if (vec($ready, fileno($near), 1) && sysread($near, my $frame, 65536) && rand(100) >= $loss) {
        my $when = $now + ($delay + $jitter * (2 * rand() - 1)) / 1000;
        $last = $when if $when > $last;
        push @waiting, [$last, $frame] if @waiting < 10_000;
    }
    if (vec($ready, fileno($far), 1) && sysread($far, my $frame, 65536)) {
        syswrite($near, $frame);
    }
    syswrite($far, (shift @waiting)->[1]) while @waiting && $waiting[0][0] <= time;
}

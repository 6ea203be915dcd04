# Shuts a mounted file system down at once, without writing back its log or data: EXT4_IOC_SHUTDOWN with
# EXT4_GOING_FLAGS_NOLOGFLUSH of linux/ext4.h, which the file systems' own crash tests use. Perl, for the ioctl.
use strict;
use warnings;

open(my $root, '<', $ARGV[0]) or die "$ARGV[0]: $!\n";
my $flags = pack('L', 2);
ioctl($root, 0x8004587d, $flags) or die "$ARGV[0]: $!\n";

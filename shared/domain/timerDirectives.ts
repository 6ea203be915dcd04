/** `[Timer]`: systemd.timer(5). */
import { type Group, honoured, ignored, refused } from './directiveGroups.ts';

export const timerGroups: Group[] = [
  {
    names:
      'OnCalendar OnActiveSec OnBootSec OnStartupSec OnUnitActiveSec OnUnitInactiveSec Persistent RemainAfterElapse FixedRandomDelay RandomizedDelaySec AccuracySec Unit',
    treatment: honoured,
  },
  { names: 'WakeSystem', treatment: ignored('machines of a cluster do not sleep, and none is woken') },
  {
    names: 'OnClockChange OnTimezoneChange',
    treatment: refused('nobody watches for changes of the machine’s clock', 'name a time in OnCalendar='),
  },
];

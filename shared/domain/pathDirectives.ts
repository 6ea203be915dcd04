/** `[Path]`: systemd.path(5). */
import { type Group, honoured } from './directiveGroups.ts';

export const pathGroups: Group[] = [
  {
    names:
      'PathExists PathExistsGlob PathChanged PathModified DirectoryNotEmpty Unit MakeDirectory DirectoryMode TriggerLimitIntervalSec TriggerLimitBurst',
    treatment: honoured,
  },
];

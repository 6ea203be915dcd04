/** How the tables of directives are written: groups of names that are treated alike. */

export type Treatment =
  | { kind: 'honoured' }
  /** `why` completes "has no effect here: …". */
  | {
      kind: 'ignored';
      why: string;
      /** No warning where it stands: whether it matters depends on more than the unit file. */
      quiet?: true;
    }
  /** `why` completes "is not supported and cannot be left out: …"; `instead` says what to do. */
  | {
      kind: 'refused';
      why: string;
      instead: string /** Honoured in a unit with `[X-Flotilla] Image=`. */;
      unlessImage?: true;
    };

export interface Group {
  /** Separated by spaces. */
  names: string;
  treatment: Treatment;
  /** Values that ask for what happens anyway, beside the empty one and a no. */
  neutral?: string[];
  /** The only such values, where an empty one or a no asks for something else. */
  onlyNeutral?: string[];
}

export const honoured: Treatment = { kind: 'honoured' };

export function ignored(why: string): Treatment {
  return { kind: 'ignored', why };
}

export function refused(why: string, instead: string): Treatment {
  return { kind: 'refused', why, instead };
}

/** What a container of `[X-Flotilla] Image=` has, and nothing else. */
export function refusedUnlessImage(why: string): Treatment {
  return { kind: 'refused', why, instead: inContainerOfImage, unlessImage: true };
}

export function each(prefix: string, names: string): string[] {
  return names.split(' ').map((name) => `${prefix}${name}`);
}

const ownOption =
  'run it by ExecStart=docker run, with docker’s own option for that (--read-only, --cap-drop, --security-opt, --network, --tmpfs …)';
const wrapper = 'confine it with a wrapper in ExecStart=';

/** What several tables say of directives that would take something away from the program's environment. */
export const inContainer = `${ownOption}, or ${wrapper} (Image= of [X-Flotilla] does not have it either)`;

const inContainerOfImage = `name an image with Image= in [X-Flotilla], whose containers have it, or ${ownOption}, or ${wrapper}`;

export const neverReboots = 'Flotilla never reboots or powers off a machine because of a unit';

/** The window that a sender was given (RFC 9113, section 5.2), and when it is given more. */
export class Credit {
  readonly #size: number;
  readonly #give: (bytes: number) => void;
  #left: number;
  /** Of what was used, so much has been dealt with. */
  #owed = 0;

  /** `size`: bytes that may be on their way. `give`: tells the sender that it may send more. */
  constructor(size: number, give: (bytes: number) => void) {
    this.#size = size;
    this.#left = size;
    this.#give = give;
  }

  /** So much came; false: it was more than allowed. */
  use(bytes: number): boolean {
    this.#left -= bytes;
    return this.#left >= 0;
  }

  /** So much of it is dealt with. The sender is told when it is worth a frame. */
  giveBack(bytes: number): void {
    this.#owed += bytes;
    if (this.#owed < this.#size / 2) return;
    this.#left += this.#owed;
    this.#give(this.#owed);
    this.#owed = 0;
  }
}

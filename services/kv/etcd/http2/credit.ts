/** The window that a sender was given (RFC 9113, section 5.2), and when it is given more. */
export class Credit {
  readonly #worthTelling: number;
  readonly #give: (bytes: number) => void;
  #left: number;
  /** Of what was used, so much has been dealt with. */
  #owed = 0;

  /**
   * `size`: bytes that may be on their way. `give`: tells the sender that it may send more, as soon as that is
   * `worthTelling` bytes more.
   */
  constructor(size: number, worthTelling: number, give: (bytes: number) => void) {
    this.#worthTelling = worthTelling;
    this.#left = size;
    this.#give = give;
  }

  /** So much came; false: it was more than allowed. */
  use(bytes: number): boolean {
    this.#left -= bytes;
    return this.#left >= 0;
  }

  /** So much of it is dealt with. */
  giveBack(bytes: number): void {
    this.#owed += bytes;
    if (this.#owed < this.#worthTelling) return;
    this.#left += this.#owed;
    this.#give(this.#owed);
    this.#owed = 0;
  }
}

import { type FileHandle, open, rename, rm } from 'node:fs/promises';

/** Makes the file: it is there whole, and durable, or not at all. */
export async function writeWhole(path: string, fill: (file: FileHandle) => Promise<void>): Promise<void> {
  const part = `${path}.part`;
  const file = await open(part, 'w', 0o600);
  try {
    await fill(file);
    await file.sync();
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

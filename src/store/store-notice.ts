/** Something people should know of the store. */
export interface StoreNotice {
  readonly code: 'STORE_EXCLUSIVE' | 'STORE_THREAD' | 'STORE_SWEEP';
  readonly message: string;
}

/** Tells of something. A listener's error is its own. */
export function notify(onNotice: (notice: StoreNotice) => void, notice: StoreNotice): void {
  try {
    onNotice(notice);
  } catch {
    // What it throws is not our failure.
  }
}

/** Commits have gone to a thread. */
export const MOVED: StoreNotice = {
  code: 'STORE_THREAD',
  message: 'commits take so much of this thread that they go on in one of their own',
};

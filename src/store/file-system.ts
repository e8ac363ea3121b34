import { statfs } from 'node:fs/promises';

/**
 * File systems that reach over a network, or may: by `f_type` of statfs(2), as in linux/magic.h and the systems'
 * own headers. On these a lock or memory shared between machines is not to be trusted, and WAL needs both.
 */
const NETWORK_TYPES: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x19830326, 'BeeGFS'],
  [0x00c36400, 'Ceph'],
  [0x20030528, 'OrangeFS'],
  [0xaad7aaea, 'PanFS'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x73757245, 'Coda'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x01021997, '9p'],
  [0x786f4256, 'VirtualBox share'],
  // sshfs, s3fs, virtiofs and many more; which one, the type does not say.
  [0x65735546, 'FUSE'],
]);

/** Reads the type of the file system that holds a path. */
export type FileSystemType = (path: string) => Promise<number>;

/** Asks the kernel. Elsewhere than on Linux the numbers mean something else: 0. */
export const kernelFileSystemType: FileSystemType = async (path) =>
  process.platform === 'linux' ? (await statfs(path)).type : 0;

/** The name of a network file system; undefined for a local one. */
export function networkFileSystem(type: number): string | undefined {
  return NETWORK_TYPES.get(type >>> 0);
}

import { extname } from 'node:path';

/** By extension, registered with IANA where such a name is; formats without one say what they are made of. */
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.bz2': 'application/x-bzip2',
  '.csv': 'text/csv',
  '.fa': 'text/plain',
  '.fasta': 'text/plain',
  '.fastq': 'text/plain',
  '.fq': 'text/plain',
  '.gz': 'application/gzip',
  '.h5': 'application/x-hdf5',
  '.hdf5': 'application/x-hdf5',
  '.html': 'text/html',
  '.jpg': 'image/jpeg',
  '.json': 'application/json',
  '.log': 'text/plain',
  '.md': 'text/markdown',
  '.mjs': 'text/javascript',
  '.js': 'text/javascript',
  '.nc': 'application/x-netcdf',
  '.parquet': 'application/vnd.apache.parquet',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.sam': 'text/plain',
  '.svg': 'image/svg+xml',
  '.tar': 'application/x-tar',
  '.ts': 'text/x-typescript',
  '.tsv': 'text/tab-separated-values',
  '.txt': 'text/plain',
  '.vcf': 'text/plain',
  '.xml': 'application/xml',
  '.yaml': 'application/yaml',
  '.yml': 'application/yaml',
  '.zip': 'application/zip',
};

/** What a file is in, by its name, as an entity says it; nothing where the name doesn't tell. */
export function formatOf(path: string): { readonly encodingFormat?: string } {
  const encodingFormat = MEDIA_TYPES[extname(path).toLowerCase()];
  return encodingFormat === undefined ? {} : { encodingFormat };
}

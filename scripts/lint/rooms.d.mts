export declare const ROOMS: Readonly<Record<string, readonly string[]>>;
export declare const SHARED_BY_BACKENDS: readonly string[];
export declare function forbidden(from: string, to: string): string | undefined;

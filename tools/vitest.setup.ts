import fc from 'fast-check';

// CI draws the same samples every time, so that a red run is the change's doing; elsewhere every run draws anew.
if (process.env['CI']) fc.configureGlobal({ seed: 2001 });

"""The scheduler's pure domain: uploads, jobs, chunks and attempts as frozen records, and the rules about them."""

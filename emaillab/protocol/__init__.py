"""The languages of e-mail: engines and clients that know no socket, no thread and no wall clock."""

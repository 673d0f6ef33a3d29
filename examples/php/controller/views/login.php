<!doctype html>
<meta charset="utf-8">
<title>Reports</title>
<form action="/login" method="post">
  <label>Name <input name="name" required maxlength="100"></label>
  <button>Sign in</button>
</form>
